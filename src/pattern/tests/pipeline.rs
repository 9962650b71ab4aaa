//! PAIR, PUSH, PULL and DEALER; the order of fair queueing and of load balancing.

use super::*;

#[test]
fn a_pair_has_one_peer_and_ignores_others() {
    let mut kit = Kit::new(SocketType::Pair);
    let mut a = kit.peer();
    let mut b = kit.peer();
    // The other one's connection stays as it is, and nothing comes of it.
    assert_eq!(kit.pipes.ids(), [a.id, b.id]);
    kit.say(&mut b, &["0"]);
    assert!(!kit.can_recv());
    kit.send(&["1", "2"]).unwrap();
    assert_eq!(kit.heard(&mut a), ["1", "2"]);
    assert_eq!(kit.heard(&mut b), [""; 0]);
    kit.say(&mut a, &["3", "4"]);
    kit.lose(a);
    assert_eq!(kit.send(&["5"]), Err(Error::EAGAIN));
    assert_eq!(kit.recv(), Ok(parts(&["3", "4"])), "sent before it left");
    assert_eq!(kit.recv(), Err(Error::EAGAIN));
    kit.lose(b);
    assert!(kit.pipes.is_empty());
    let mut c = kit.peer();
    kit.send(&["6"]).unwrap();
    assert_eq!(kit.heard(&mut c), ["6"]);
}

#[test]
fn pull_takes_a_message_from_each_in_turn() {
    let mut kit = Kit::new(SocketType::Pull);
    let mut peers: Vec<Remote> = (0..3).map(|_| kit.peer()).collect();
    for round in ["1", "2", "3"] {
        for (peer, name) in peers.iter_mut().zip(["a", "b", "c"]) {
            kit.say(peer, &[name, round]);
        }
    }
    for round in ["1", "2", "3"] {
        for name in ["a", "b", "c"] {
            assert_eq!(kit.recv(), Ok(parts(&[name, round])));
        }
    }
    assert_eq!(kit.recv(), Err(Error::EAGAIN));
    // They stand in the order in which they were found to have something again.
    kit.say(&mut peers[2], &["c"]);
    kit.say(&mut peers[0], &["a"]);
    assert!(kit.can_recv());
    assert_eq!(kit.recv(), Ok(parts(&["c"])));
    assert_eq!(kit.recv(), Ok(parts(&["a"])));
    assert!(!kit.can_recv());
}

#[test]
fn a_message_stays_whole_when_pipes_go_while_it_is_received() {
    for leaver in 0..3 {
        let mut kit = Kit::new(SocketType::Pull);
        let mut peers: Vec<Remote> = (0..3).map(|_| kit.peer()).collect();
        for (peer, name) in peers.iter_mut().zip(["a", "b", "c"]) {
            kit.say(peer, &[name, "2", "3"]);
        }
        kit.recv().unwrap();
        kit.recv().unwrap();
        assert_eq!(kit.recv_part(), Ok((true, b"c".to_vec())));
        kit.detach(peers[leaver].id);
        assert!(kit.can_recv());
        assert_eq!(kit.recv(), Ok(parts(&["2", "3"])), "without {leaver}");
        assert_eq!(kit.recv(), Err(Error::EAGAIN));
    }
}

#[test]
fn push_gives_a_message_to_each_in_turn_and_passes_by_full_ones() {
    let mut kit = Kit::new(SocketType::Push);
    kit.limit = 2;
    let mut peers: Vec<Remote> = (0..3).map(|_| kit.peer()).collect();
    for i in 0..6 {
        kit.send(&[&i.to_string(), "end"]).unwrap();
    }
    assert!(!kit.can_send());
    assert_eq!(kit.send(&["x"]), Err(Error::EAGAIN));
    assert_eq!(kit.heard(&mut peers[1]), ["1", "end", "4", "end"]);
    assert!(kit.can_send());
    kit.send(&["6"]).unwrap();
    assert_eq!(kit.heard(&mut peers[0]), ["0", "end", "3", "end"]);
    kit.send(&["7"]).unwrap();
    kit.send(&["8"]).unwrap();
    assert_eq!(kit.heard(&mut peers[0]), ["8"]);
    assert_eq!(kit.heard(&mut peers[1]), ["6", "7"]);
    assert_eq!(kit.heard(&mut peers[2]), ["2", "end", "5", "end"]);
}

/// Who never receives doesn't find out that peers are gone.
#[test]
fn pipes_whose_peers_are_gone_are_few() {
    let mut kit = Kit::new(SocketType::Dealer);
    for _ in 0..200 {
        let peer = kit.peer();
        kit.lose(peer);
    }
    assert!(kit.pipes.len() < 100);
    assert!(!kit.can_send());
    assert!(!kit.can_recv() && kit.pipes.is_empty());
}

#[test]
fn what_is_left_of_a_message_is_dropped_when_its_pipe_goes() {
    let mut kit = Kit::new(SocketType::Push);
    let (a, mut b) = (kit.peer(), kit.peer());
    kit.send_part(true, b"1").unwrap();
    kit.lose(a);
    assert!(kit.can_send());
    kit.send_part(true, b"2").unwrap();
    kit.send_part(false, b"3").unwrap();
    kit.send(&["4", "5"]).unwrap();
    assert_eq!(kit.heard(&mut b), ["4", "5"]);
}

#[test]
fn a_pipe_that_is_found_closed_under_a_message_breaks_it_once() {
    let mut kit = Kit::new(SocketType::Dealer);
    let (a, mut b) = (kit.peer(), kit.peer());
    kit.send_part(true, b"1").unwrap();
    kit.pipes.get_mut(a.id).unwrap().set_far_closed();
    assert_eq!(kit.send_part(true, b"2"), Err(Error::Broken));
    kit.send_part(false, b"3").unwrap();
    kit.send(&["4"]).unwrap();
    assert_eq!(kit.heard(&mut b), ["4"]);
}

#[test]
fn a_message_stays_on_its_pipe_when_another_goes_while_it_is_sent() {
    let mut kit = Kit::new(SocketType::Push);
    let (a, mut b) = (kit.peer(), kit.peer());
    let mut c = kit.peer();
    kit.send(&["1"]).unwrap();
    kit.send(&["2"]).unwrap();
    kit.send_part(true, b"3").unwrap();
    kit.lose(a);
    kit.send_part(false, b"4").unwrap();
    assert_eq!(kit.heard(&mut c), ["3", "4"]);
    assert_eq!(kit.heard(&mut b), ["2"]);
}

#[test]
fn push_lets_go_of_a_peer_at_once_though_it_has_sent_something() {
    let mut kit = Kit::new(SocketType::Push);
    let mut a = kit.peer();
    kit.say(&mut a, &["nobody reads this"]);
    kit.lose(a);
    assert!(kit.pipes.is_empty());
}

#[test]
fn a_dealer_probes_routers() {
    let options = PatternOptions {
        probe_router: true,
        ..PatternOptions::default()
    };
    let mut kit = Kit::with(SocketType::Dealer, options);
    let mut a = kit.peer();
    assert_eq!(kit.heard(&mut a), [""]);
    kit.say(&mut a, &["1"]);
    assert_eq!(kit.recv(), Ok(parts(&["1"])));
}

/// Prints nanoseconds for each message.
#[test]
#[ignore = "a measurement; run it in release mode"]
fn how_long_it_takes() {
    const COUNT: usize = 5_000_000;
    for (socket_type, name) in [(SocketType::Push, None), (SocketType::Router, Some("A"))] {
        let mut kit = Kit::new(socket_type);
        let mut a = kit.attach(false, Some(name.unwrap_or("")));
        let start = std::time::Instant::now();
        for i in 0..COUNT {
            if let Some(name) = name {
                kit.send_part(true, name.as_bytes()).unwrap();
            }
            kit.send_part(false, b"0123456789").unwrap();
            if i % 1000 == 999 {
                while a.ends.rx.has_records() {
                    let _ = a.ends.rx.read();
                }
            }
        }
        let each = start.elapsed().as_secs_f64() * 1e9 / COUNT as f64;
        println!("{socket_type:?} there and back: {each:.1} ns");
    }
    let mut kit = Kit::new(SocketType::Pull);
    let mut a = kit.peer();
    let mut buffer = [0; 10];
    let start = std::time::Instant::now();
    for _ in 0..COUNT / 1000 {
        for _ in 0..1000 {
            a.ends.tx.write(false, &mut Source::Bytes(&buffer)).unwrap();
        }
        if a.ends.tx.publish() {
            kit.pattern.readable(&mut kit.pipes, a.id);
        }
        for _ in 0..1000 {
            let sink = &mut Sink::Buffer(&mut buffer);
            kit.pattern.recv(&mut kit.pipes, sink).unwrap();
        }
    }
    let each = start.elapsed().as_secs_f64() * 1e9 / COUNT as f64;
    println!("Pull there and back: {each:.1} ns");
}
