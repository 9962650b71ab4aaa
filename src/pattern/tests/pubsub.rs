//! PUB, XPUB, SUB and XSUB.

use super::*;

const SUBSCRIBE: Kind = Kind::Subscribe;
const CANCEL: Kind = Kind::Cancel;
const MORE: Kind = Kind::Part { more: true };
const LAST: Kind = Kind::Part { more: false };

fn xpub(set: impl FnOnce(&mut PatternOptions)) -> Kit {
    let mut options = PatternOptions::default();
    set(&mut options);
    Kit::with(SocketType::XPub, options)
}

/// All that is to be received.
fn all(kit: &mut Kit) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| kit.recv_part().ok().map(|(_, part)| part)).collect()
}

#[test]
fn subscribers_get_what_they_asked_for_once() {
    let mut kit = Kit::new(SocketType::Pub);
    let (mut a, mut b) = (kit.peer(), kit.peer());
    kit.ask(&mut a, SUBSCRIBE, "x");
    kit.ask(&mut a, SUBSCRIBE, "xy");
    kit.say(&mut b, &["\u{1}y"]);
    kit.say(&mut b, &["no subscription"]);
    assert_eq!(kit.pattern.topics(), Ok(3));
    kit.send(&["xyz", "y"]).unwrap();
    kit.send(&["y"]).unwrap();
    kit.send(&["z"]).unwrap();
    assert_eq!(kit.heard(&mut a), ["xyz", "y"]);
    assert_eq!(kit.heard(&mut b), ["y"]);
    kit.ask(&mut a, CANCEL, "x");
    kit.say(&mut b, &["\0y"]);
    kit.send(&["xx"]).unwrap();
    kit.send(&["xy"]).unwrap();
    kit.send(&["y"]).unwrap();
    assert_eq!(kit.heard(&mut a), ["xy"]);
    assert_eq!(kit.heard(&mut b), [""; 0]);
    kit.lose(a);
    assert_eq!(kit.pattern.topics(), Ok(0));
    assert!(!kit.can_recv());
}

/// What goes to all connections is written to each in one piece; but not where a program may keep a message, and with it
/// others.
#[test]
fn what_all_get_is_in_one_piece() {
    const COUNT: usize = 10;
    for (inproc, pieces) in [(false, 1..=1), (true, 2..=COUNT)] {
        let mut kit = Kit::new(SocketType::Pub);
        let mut peers = [false, inproc].map(|inproc| {
            kit.inproc = inproc;
            kit.peer()
        });
        for peer in &mut peers {
            kit.ask(peer, SUBSCRIBE, "");
        }
        let message = "m".repeat(1200);
        for _ in 0..COUNT {
            kit.send(&[&message]).unwrap();
        }
        let mut batch = Batch::default();
        let rx = &mut peers[0].ends.rx;
        assert_eq!(rx.gather(&mut batch, usize::MAX, false), Ok(Gathered::Some));
        assert_eq!(batch.bytes, COUNT * (9 + message.len()));
        assert!(pieces.contains(&batch.pieces().len()), "{pieces:?}");
    }
}

#[test]
fn large_messages_reach_all_and_a_full_pipe_misses_whole_ones() {
    let mut kit = Kit::new(SocketType::Pub);
    kit.limit = 2;
    let (mut a, mut b) = (kit.peer(), kit.peer());
    kit.ask(&mut a, SUBSCRIBE, "");
    kit.ask(&mut b, SUBSCRIBE, "");
    let large = "l".repeat(100_000);
    let mut message = Message::copy_of(large.as_bytes()).unwrap();
    let sent = kit
        .pattern
        .send(&mut kit.pipes, true, &mut Source::Message(&mut message));
    sent.unwrap();
    assert_eq!(message.size(), 0);
    kit.send(&["1"]).unwrap();
    assert_eq!(kit.heard(&mut a), [&large[..], "1"]);
    kit.send(&["2"]).unwrap();
    kit.send_part(true, b"3").unwrap();
    // It has room again, but not for the rest of what it has missed the beginning of.
    assert_eq!(kit.heard(&mut b), [&large[..], "1", "2"]);
    kit.send_part(false, b"4").unwrap();
    kit.send(&["5"]).unwrap();
    assert_eq!(kit.heard(&mut b), ["5"]);
    assert_eq!(kit.heard(&mut a), ["2", "3", "4"]);
}

#[test]
fn nodrop_fails_rather_than_to_drop() {
    let mut kit = xpub(|options| options.xpub_nodrop = true);
    kit.limit = 1;
    let (mut a, mut b) = (kit.peer(), kit.peer());
    kit.ask(&mut a, SUBSCRIBE, "a");
    kit.ask(&mut b, SUBSCRIBE, "");
    kit.send(&["b"]).unwrap();
    assert_eq!(kit.send(&["a"]), Err(Error::EAGAIN));
    assert_eq!(kit.heard(&mut b), ["b"]);
    kit.send(&["a"]).unwrap();
    assert_eq!(kit.heard(&mut a), ["a"]);
    assert_eq!(kit.heard(&mut b), ["a"]);
}

#[test]
fn xpub_passes_on_what_changes_something() {
    for (subscribe, cancel) in [(false, false), (true, false), (true, true)] {
        let mut kit = xpub(|options| {
            options.verbose_subscribe = subscribe;
            options.verbose_cancel = cancel;
        });
        let (mut a, mut b) = (kit.peer(), kit.peer());
        kit.ask(&mut a, SUBSCRIBE, "t");
        assert_eq!(all(&mut kit), [b"\x01t"]);
        kit.ask(&mut b, SUBSCRIBE, "t");
        assert_eq!(all(&mut kit).len(), usize::from(subscribe));
        kit.ask(&mut a, CANCEL, "t");
        assert_eq!(all(&mut kit).len(), usize::from(cancel));
        kit.ask(&mut b, CANCEL, "t");
        assert_eq!(all(&mut kit), [b"\0t"]);
        kit.ask(&mut b, CANCEL, "never had");
        assert_eq!(all(&mut kit), [b"\0never had"]);
        kit.ask(&mut a, SUBSCRIBE, "2");
        kit.ask(&mut a, SUBSCRIBE, "1");
        kit.ask(&mut b, SUBSCRIBE, "1");
        all(&mut kit);
        kit.lose(a);
        let gone: &[&[u8]] = if cancel {
            &[b"\x001", b"\x002"]
        } else {
            &[b"\x002"]
        };
        assert_eq!(all(&mut kit), gone);
    }
}

#[test]
fn xpub_receives_messages_of_its_subscribers() {
    let mut kit = xpub(|_| {});
    let mut a = kit.peer();
    kit.say(&mut a, &["hello", "\u{1}topic", "end"]);
    assert_eq!(kit.recv_part(), Ok((true, b"hello".to_vec())));
    assert_eq!(kit.recv_part(), Ok((false, b"\x01topic".to_vec())));
    assert_eq!(kit.recv(), Ok(parts(&["end"])));
    kit.pattern.configure(&PatternOptions {
        only_first_subscribe: true,
        ..PatternOptions::default()
    });
    kit.say(&mut a, &["hello", "\u{1}other"]);
    assert_eq!(kit.recv(), Ok(parts(&["hello", "\u{1}other"])));
    assert_eq!(kit.pattern.topics(), Ok(1));
}

#[test]
fn a_manual_xpub_subscribes_for_the_peer_it_has_heard_last() {
    let mut kit = xpub(|options| options.xpub_manual = true);
    let (mut a, mut b) = (kit.peer(), kit.peer());
    kit.ask(&mut a, SUBSCRIBE, "A");
    kit.ask(&mut b, SUBSCRIBE, "B");
    assert_eq!(kit.recv(), Ok(parts(&["\u{1}A"])));
    kit.pattern.subscribe(&mut kit.pipes, b"XA").unwrap();
    assert_eq!(kit.recv(), Ok(parts(&["\u{1}B"])));
    kit.pattern.subscribe(&mut kit.pipes, b"XB").unwrap();
    for message in ["A", "B", "XA", "XB"] {
        kit.send(&[message]).unwrap();
    }
    assert_eq!(kit.heard(&mut a), ["XA"]);
    assert_eq!(kit.heard(&mut b), ["XB"]);
    kit.pattern.unsubscribe(&mut kit.pipes, b"XB").unwrap();
    kit.send(&["XB"]).unwrap();
    assert_eq!(kit.heard(&mut b), [""; 0]);
    kit.lose(a);
    assert_eq!(all(&mut kit), [b"\0A"], "what it had asked for");
    assert_eq!(kit.pattern.topics(), Ok(0));
    kit.pattern.subscribe(&mut kit.pipes, b"nobody").unwrap();
    assert_eq!(kit.pattern.topics(), Ok(0));
}

#[test]
fn the_last_value_goes_to_the_new_subscriber_alone() {
    let mut kit = xpub(|options| {
        options.xpub_manual = true;
        options.xpub_last_value = true;
    });
    let (mut a, mut b) = (kit.peer(), kit.peer());
    for remote in [&mut a, &mut b] {
        kit.ask(remote, SUBSCRIBE, "t");
        kit.recv().unwrap();
        kit.pattern.subscribe(&mut kit.pipes, b"t").unwrap();
    }
    kit.send(&["t1"]).unwrap();
    kit.send(&["t2"]).unwrap();
    assert_eq!(kit.heard(&mut a), ["t2"]);
    assert_eq!(kit.heard(&mut b), ["t1", "t2"]);
}

#[test]
fn new_peers_are_welcomed_and_matching_is_inverted() {
    let mut kit = xpub(|options| {
        options.xpub_welcome = Text::new(b"W").unwrap();
        options.invert_matching = true;
    });
    let (mut a, mut b) = (kit.peer(), kit.peer());
    kit.ask(&mut a, SUBSCRIBE, "x");
    kit.send(&["x"]).unwrap();
    kit.send(&["y"]).unwrap();
    assert_eq!(kit.heard(&mut a), ["W", "y"]);
    assert_eq!(kit.heard(&mut b), ["W", "x", "y"]);
}

fn kinds(entries: &[(Kind, &str)]) -> Vec<(Kind, String)> {
    let owned = entries.iter().map(|&(kind, body)| (kind, body.into()));
    owned.collect()
}

#[test]
fn sub_tells_its_peers_and_those_to_come() {
    let mut kit = Kit::new(SocketType::Sub);
    let mut a = kit.peer();
    for topic in ["b", "a", "b"] {
        kit.pattern
            .subscribe(&mut kit.pipes, topic.as_bytes())
            .unwrap();
    }
    let told = [(SUBSCRIBE, "b"), (SUBSCRIBE, "a"), (SUBSCRIBE, "b")];
    assert_eq!(kit.heard_kinds(&mut a), kinds(&told));
    let mut b = kit.peer();
    let known = kinds(&[(SUBSCRIBE, "a"), (SUBSCRIBE, "b")]);
    assert_eq!(kit.heard_kinds(&mut b), known);
    kit.pattern.hiccup(&mut kit.pipes, a.id);
    assert_eq!(kit.heard_kinds(&mut a), known);
    for topic in ["b", "never", "b"] {
        kit.pattern
            .unsubscribe(&mut kit.pipes, topic.as_bytes())
            .unwrap();
    }
    assert_eq!(
        kit.heard_kinds(&mut a),
        kinds(&[(CANCEL, "b")]),
        "the last one"
    );
}

#[test]
fn subscriptions_are_not_dropped_at_the_high_water_mark() {
    let mut kit = Kit::new(SocketType::Sub);
    kit.limit = 1;
    let mut a = kit.peer();
    for i in 0..100_u8 {
        kit.pattern.subscribe(&mut kit.pipes, &[b't', i]).unwrap();
    }
    assert_eq!(kit.heard(&mut a).len(), 100);
}

#[test]
fn sub_receives_only_what_matches() {
    for invert in [false, true] {
        let options = PatternOptions {
            invert_matching: invert,
            ..PatternOptions::default()
        };
        let mut kit = Kit::with(SocketType::Sub, options);
        let mut a = kit.peer();
        kit.pattern.subscribe(&mut kit.pipes, b"t").unwrap();
        let (wanted, unwanted) = if invert { ("u", "t") } else { ("t", "u") };
        kit.say(&mut a, &[unwanted, wanted]);
        assert!(!kit.can_recv());
        kit.say(&mut a, &[unwanted]);
        kit.say(&mut a, &[wanted, unwanted]);
        kit.say(&mut a, &[wanted]);
        assert!(kit.can_recv());
        assert_eq!(kit.recv(), Ok(parts(&[wanted, unwanted])));
        assert_eq!(kit.recv(), Ok(parts(&[wanted])));
        assert_eq!(kit.recv(), Err(Error::EAGAIN));
    }
}

#[test]
fn xsub_sends_subscriptions_and_messages_and_receives_all() {
    let mut kit = Kit::new(SocketType::XSub);
    let mut a = kit.peer();
    kit.send(&["\u{1}t"]).unwrap();
    kit.send(&["\u{1}t"]).unwrap();
    kit.send(&["\0t"]).unwrap();
    kit.send(&["hello", "\u{1}u"]).unwrap();
    let told = [
        (SUBSCRIBE, "t"),
        (SUBSCRIBE, "t"),
        (MORE, "hello"),
        (LAST, "\u{1}u"),
    ];
    assert_eq!(kit.heard_kinds(&mut a), kinds(&told));
    assert_eq!(kit.pattern.topics(), Ok(2), "the second part counts, too");
    kit.say(&mut a, &["anything"]);
    assert_eq!(kit.recv(), Ok(parts(&["anything"])));
    // What was subscribed to is told again, but not within a message.
    kit.send_part(true, b"1").unwrap();
    kit.pattern.hiccup(&mut kit.pipes, a.id);
    kit.send_part(false, b"2").unwrap();
    let told = [(MORE, "1"), (LAST, "2"), (SUBSCRIBE, "t"), (SUBSCRIBE, "u")];
    assert_eq!(kit.heard_kinds(&mut a), kinds(&told));
}
