use std::sync::{Arc, Mutex};

use super::*;
use crate::message::{Copies, Message, SLAB_MAX, Sink, Slab, Source, drop_spent};
use crate::{
    frame::{self, Flags, Limit},
    zmtp::{Codec, Command},
};

fn bytes(i: usize, size: usize) -> Vec<u8> {
    (0..size).map(|j| (i * 31 + j) as u8).collect()
}

fn send(tx: &mut Tx, more: bool, body: &[u8]) {
    tx.write(more, &mut Source::Bytes(body)).unwrap();
}

fn receive(rx: &mut Rx) -> Option<(bool, Vec<u8>)> {
    match rx.read()? {
        Record::Frame(kind, body) => Some((kind.more(), body.to_vec())),
        Record::Part(part) => Some((part.more, part.payload.bytes().to_vec())),
        Record::Peer(_) => receive(rx),
    }
}

const SIZES: [usize; 9] = [0, 1, 255, 256, 300, 8191, 8192, 40_000, 100_000];

#[test]
fn messages_of_all_sizes_arrive_in_order_and_whole() {
    let (mut tx, mut rx) = channel(0);
    for round in 0..300 {
        for (i, &size) in SIZES.iter().enumerate() {
            send(&mut tx, i % 2 == 0, &bytes(round + i, size));
            if i % 2 == 1 {
                let _ = tx.publish();
            }
        }
        // The last one has MORE set and is not published: nobody sees it.
        for (i, &size) in SIZES.iter().enumerate().take(8) {
            assert_eq!(receive(&mut rx), Some((i % 2 == 0, bytes(round + i, size))));
        }
        assert_eq!(receive(&mut rx), None);
        tx.rollback();
    }
}

#[test]
fn a_full_pipe_has_room_after_half_of_it_was_read() {
    let (mut tx, mut rx) = channel(10);
    for _ in 0..10 {
        assert!(tx.has_room());
        send(&mut tx, false, b"x");
        let _ = tx.publish();
    }
    assert!(!tx.has_room());
    for i in 1..=5 {
        receive(&mut rx).unwrap();
        assert_eq!(rx.credit(), i == 5, "the writer sleeps, and is woken once");
    }
    assert!(tx.has_room());
}

/// What a connection does: gather, write some, and go on; lose the connection, and start again.
#[test]
fn gathered_bytes_are_the_wire_and_survive_a_lost_connection() {
    let mut seed = 1u32;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % below
    };
    for _ in 0..50 {
        let (mut tx, mut rx) = channel(0);
        let mut expected: Vec<Vec<u8>> = Vec::new();
        let (mut kept, mut slab) = (Vec::new(), Slab::default());
        for i in 0..200 {
            let mut wire = Vec::new();
            let parts = random(3) + 1;
            for part in 0..parts {
                let body = bytes(i, SIZES[random(SIZES.len())]);
                let more = part + 1 < parts;
                let mut message = match random(3) {
                    0 => Message::copy_of(&body).unwrap(),
                    1 if body.len() <= SLAB_MAX => slab.copy_of(&body).unwrap().into(),
                    _ => Message::of_vec(body.clone(), 0..body.len()).unwrap(),
                };
                kept.push(message.duplicate());
                match random(2) {
                    0 => tx.write(more, &mut Source::Message(&mut message)),
                    _ => tx.write(more, &mut Source::Copy(&mut Copies::new(message, 1))),
                }
                .unwrap();
                frame::write(Flags::more_if(more), &body, &mut wire).unwrap();
            }
            let _ = tx.publish();
            expected.push(wire);
        }
        let (mut batch, mut done, mut seen) = (Batch::default(), 0, Vec::<u8>::new());
        while rx.gather(&mut batch, 512 * 1024, random(2) == 0) == Ok(Gathered::Some) {
            let n = random(batch.bytes) + 1;
            let mut left = n;
            for piece in batch.pieces() {
                let take = left.min(piece.iov_len);
                // SAFETY: gathered, and not sent yet.
                seen.extend_from_slice(unsafe {
                    std::slice::from_raw_parts(piece.iov_base.cast(), take)
                });
                left -= take;
            }
            let messages = rx.sent(n, &batch) as usize;
            for message in expected.iter().skip(done).take(messages) {
                assert_eq!(seen[..message.len()], message[..]);
                seen.drain(..message.len());
            }
            done += messages;
            if random(5) == 0 {
                rx.rewind();
                seen.clear();
            }
        }
        assert_eq!((done, seen.len()), (200, 0));
        // Also of messages that went out piece by piece, no body is kept.
        drop_spent();
        assert!(kept.iter().all(|copy| copy.references() == 1));
    }
}

#[test]
fn what_is_left_in_a_dropped_pipe_is_freed() {
    let body = vec![1; 100_000];
    let mut message = Message::copy_of(&body).unwrap();
    let (mut tx, mut rx) = channel(0);
    for _ in 0..3 {
        tx.write(false, &mut Source::Message(&mut message.duplicate()))
            .unwrap();
    }
    let _ = tx.publish();
    tx.write(true, &mut Source::Message(&mut message.duplicate()))
        .unwrap();
    receive(&mut rx).unwrap();
    drop((tx, rx));
    assert_eq!(message.references(), 1);
}

/// Two threads; each sleeps on its gauge when it can't go on. A lost wake-up would stop both.
#[test]
fn two_threads_lose_nothing() {
    const COUNT: u64 = 50_000;
    for limit in [1, 2, 7, 1000, 0] {
        let count = if limit == 1 { COUNT / 5 } else { COUNT };
        let (mut tx, mut rx) = channel(limit);
        let (writer_wakes, reader_wakes) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
        let (wake_writer, writer_woken) = writer_wakes;
        let (wake_reader, reader_woken) = reader_wakes;
        let patience = Duration::from_secs(30);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for i in 0..count {
                    while !tx.has_room() {
                        writer_woken
                            .recv_timeout(patience)
                            .expect("a wake-up was lost");
                    }
                    send(&mut tx, false, &i.to_ne_bytes()[..(i % 8 + 1) as usize]);
                    if tx.publish() {
                        wake_reader.send(()).unwrap();
                    }
                }
                drop(wake_reader);
            });
            scope.spawn(move || {
                for i in 0..count {
                    loop {
                        if let Some((_, body)) = receive(&mut rx) {
                            assert_eq!(body, i.to_ne_bytes()[..(i % 8 + 1) as usize]);
                            break;
                        }
                        if rx.sleep() {
                            reader_woken
                                .recv_timeout(patience)
                                .expect("a wake-up was lost");
                        }
                    }
                    if rx.credit() {
                        let _ = wake_writer.send(());
                    }
                }
            });
        });
    }
}

/// What is kept is the last message whole, however the reader is late, looks first, or is asleep.
#[test]
fn a_conflating_pipe_has_the_last_message_alone() {
    let (mut tx, mut rx) = channel(Depth::Last);
    tx.peer(Arc::default()).unwrap();
    for (i, &size) in SIZES.iter().enumerate() {
        assert!(tx.has_room());
        send(&mut tx, true, b"not the last part");
        send(&mut tx, false, &bytes(i, size));
        let _ = tx.publish();
    }
    assert_eq!(receive(&mut rx), Some((false, bytes(8, SIZES[8]))));
    assert_eq!(receive(&mut rx), None);
    assert!(rx.sleep());
    send(&mut tx, false, b"seen");
    assert!(tx.publish(), "the reader slept");
    assert_eq!(rx.peek().map(|(_, body)| body), Some(&b"seen"[..]));
    for body in [b"1", b"2", b"3"] {
        send(&mut tx, false, body);
        let _ = tx.publish();
    }
    assert_eq!(rx.peek().map(|(_, body)| body), Some(&b"seen"[..]));
    assert_eq!(receive(&mut rx), Some((false, b"seen".to_vec())));
    assert_eq!(receive(&mut rx), Some((false, b"3".to_vec())));
    assert_eq!(receive(&mut rx), None);
    // A high-water mark that is set later means nothing.
    tx.set_limit(1);
    send(&mut tx, false, b"4");
    assert!(tx.has_room());
}

/// The same from two threads: the reader never waits for a message that it isn't told of, and
/// never sees an older one after a newer.
#[test]
fn a_conflating_pipe_never_loses_the_last_message() {
    let (mut tx, mut rx) = channel(Depth::Last);
    const LAST: u32 = 100_000;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for i in 0..=LAST {
                send(&mut tx, false, &i.to_ne_bytes());
                let _ = tx.publish();
            }
        });
        let mut before = None;
        while before != Some(LAST) {
            let Some((_, body)) = receive(&mut rx) else {
                std::thread::yield_now();
                continue;
            };
            let now = u32::from_ne_bytes(body.try_into().unwrap());
            assert!(before < Some(now));
            before = Some(now);
        }
    });
}

/// A message to a socket of this process is not copied, if there is much of it.
#[test]
fn a_reader_that_takes_messages_gets_the_very_body() {
    let (mut tx, mut rx) = channel(0);
    tx.prefer_references();
    for (size, same) in [(MESSAGE_MIN, true), (MESSAGE_MIN - 1, false)] {
        let mut message = Message::copy_of(&bytes(1, size)).unwrap();
        let memory = message.data().cast_const();
        tx.write(false, &mut Source::Message(&mut message)).unwrap();
        let _ = tx.publish();
        let body = match rx.read() {
            Some(Record::Frame(_, body)) => body.as_ptr(),
            Some(Record::Part(part)) => part.payload.bytes().as_ptr(),
            _ => panic!("no message"),
        };
        assert_eq!(body == memory, same, "{size} bytes");
    }
}

/// What is answered while there is more to be answered need not go out by itself. That the peer has introduced itself
/// asks for no answer.
#[test]
fn answers_to_a_burst_wait_for_each_other() {
    #[derive(Default)]
    struct Told(Mutex<Option<Eagerness>>);
    impl Far for Told {
        fn readable(&self, eagerness: Eagerness) {
            *self.0.lock().unwrap() = Some(eagerness);
        }
        fn writable(&self) {}
        fn closed(&self, _: Option<Duration>) {}
    }
    let few = Eagerness::Few(1);
    for (eagerness, meanwhile) in [
        (few, Eagerness::Later),
        (Eagerness::Answers, Eagerness::Later),
        (Eagerness::Never, Eagerness::Never),
    ] {
        let (mut peer, ends) = pipe(0, 0);
        let told = Arc::new(Told::default());
        let mut end = End::new(ends, told.clone(), Door::unknown());
        end.eagerness = eagerness;
        let _ = peer.tx.peer(Arc::default());
        let _ = peer.tx.publish();
        assert!(peer.rx.sleep());
        end.write(false, &mut Source::Bytes(b"unasked")).unwrap();
        assert_eq!(told.0.lock().unwrap().take(), Some(eagerness));
        assert!(receive(&mut peer.rx).is_some());
        for _ in 0..3 {
            send(&mut peer.tx, false, b"request");
        }
        let _ = peer.tx.publish();
        for left in (0..3).rev() {
            assert!(end.read(&mut Sink::Nowhere).is_some() && peer.rx.sleep());
            end.write(false, &mut Source::Bytes(b"reply")).unwrap();
            let expected = if left > 0 { meanwhile } else { eagerness };
            assert_eq!(told.0.lock().unwrap().take(), Some(expected));
            assert!(receive(&mut peer.rx).is_some());
        }
    }
}

/// What a peer sends is staged, and each frame is kept or passed over: whatever sizes they have, what is kept is what comes out,
/// and nothing else. A frame that was passed over leaves a gap, of each size here, that the next ones move into.
#[test]
fn frames_of_all_sizes_are_kept_whatever_was_passed_over_before() {
    let body = bytes(7, 70_001);
    let sizes = (0..=70_000).filter(|size| size % 64 < 10 || *size < 1200);
    let (mut tx, mut rx) = channel(0);
    let mut wire = Vec::new();
    for size in sizes {
        for (skipped, kept) in [(size, size % 700), (size % 300, size)] {
            wire.clear();
            frame::write(Flags::COMMAND, &body[..skipped], &mut wire).unwrap();
            // Bits that are reserved, one of them the mark's.
            let first = wire.len();
            frame::write(Flags::more_if(kept % 3 == 0), &body[..kept], &mut wire).unwrap();
            wire[first] |= [0, 0x80, 0x78][size % 3];
            Codec::Clear
                .encode_command(&Command::Subscribe(&body[..kept]), &mut wire)
                .unwrap();
            frame::write(Flags::NONE, b"last", &mut wire).unwrap();
            let (one, two) = wire.split_at(wire.len() - size % 7);
            tx.stage(one).unwrap();
            tx.skip(frame::frame_len(skipped).unwrap());
            tx.accept_frame().unwrap();
            tx.stage(two).unwrap();
            assert!(tx.accept_frame().is_none());
            tx.accept_subscriptions(Limit::NONE);
            assert_eq!(tx.accept_parts(Limit::NONE).messages, 1);
            assert!(tx.staged().is_empty());
            let _ = tx.publish();
            let more = kept % 3 == 0;
            assert!(
                matches!(rx.read(), Some(Record::Frame(Kind::Part { more: m }, b)) if m == more && *b == body[..kept])
            );
            assert!(
                matches!(rx.read(), Some(Record::Frame(Kind::Subscribe, b)) if *b == body[..kept])
            );
            assert!(matches!(rx.read(), Some(Record::Frame(_, b"last"))));
            assert!(rx.read().is_none());
        }
    }
}

/// A body that is lent is handed on, however small it is, and given back when its receiver lets go of it.
#[test]
fn a_lent_body_is_not_copied() {
    for size in [1, 29, 40, 41, 255, 2000, 70_000] {
        let mut lent = Message::of_vec(bytes(1, size), 0..size).unwrap();
        let memory = lent.data().cast_const();
        let (mut tx, mut rx) = channel(0);
        let _ = tx.send(false, &mut Source::Message(&mut lent), tx::Notice::Now);
        let Some(Record::Part(part)) = rx.read() else {
            panic!("copied: {size} bytes");
        };
        assert_eq!(part.payload.bytes().as_ptr(), memory, "{size} bytes");
    }
}

/// Subscriptions are what goes over the wire, whatever the length of their topics.
#[test]
fn subscriptions_of_all_sizes_are_commands() {
    for size in [0, 1, 244, 245, 246, 255, 256, 8181, 8192, 70_000] {
        let (mut tx, mut rx) = channel(1);
        let mut wire = Vec::new();
        for subscribe in [true, false] {
            let topic = &bytes(size, size)[..];
            tx.subscription(subscribe, topic).unwrap();
            let command = match subscribe {
                true => Command::Subscribe(topic),
                false => Command::Cancel(topic),
            };
            Codec::Clear.encode_command(&command, &mut wire).unwrap();
        }
        let _ = tx.publish();
        let mut batch = Batch::default();
        assert_eq!(rx.gather(&mut batch, 1, false), Ok(Gathered::Special));
        let mut gathered: Vec<u8> = Vec::new();
        while rx.gather(&mut batch, 1 << 20, true) == Ok(Gathered::Some) {
            for piece in batch.pieces() {
                // SAFETY: gathered, and not sent yet.
                gathered.extend_from_slice(unsafe {
                    std::slice::from_raw_parts(piece.iov_base.cast(), piece.iov_len)
                });
            }
            rx.sent(batch.bytes, &batch);
        }
        assert!(gathered == wire, "{size} bytes");
    }
}
