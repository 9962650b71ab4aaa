//! ROUTER and STREAM.

use super::*;

fn router(set: impl FnOnce(&mut PatternOptions)) -> Kit {
    let mut options = PatternOptions::default();
    set(&mut options);
    Kit::with(SocketType::Router, options)
}

#[test]
fn messages_carry_the_routing_id() {
    let mut kit = router(|_| {});
    let mut a = kit.attach(false, Some("A"));
    let mut b = kit.peer();
    kit.say(&mut b, &["1"]);
    assert!(kit.can_recv());
    let (more, made_up) = kit.recv_part().unwrap();
    assert!(more && made_up.len() == 5 && made_up[0] == 0);
    assert_eq!(kit.recv(), Ok(parts(&["1"])));
    kit.say(&mut a, &["2", "3"]);
    assert_eq!(kit.recv(), Ok(parts(&["A", "2", "3"])));
    kit.send(&["A", "4", "5"]).unwrap();
    kit.send_part(true, &made_up).unwrap();
    kit.send_part(false, b"6").unwrap();
    kit.send(&["nobody", "7", "8"]).unwrap();
    kit.send(&["A"]).unwrap();
    kit.send(&["A", "9"]).unwrap();
    assert_eq!(kit.heard(&mut a), ["4", "5", "9"]);
    assert_eq!(kit.heard(&mut b), ["6"]);
}

#[test]
fn a_peer_takes_part_once_it_is_known() {
    let mut kit = router(|options| options.router_mandatory = true);
    let mut a = kit.attach(false, None);
    assert_eq!(kit.send(&["A", "1"]), Err(Error::EHOSTUNREACH));
    introduce(&mut a.ends, "A");
    kit.say(&mut a, &["2"]);
    assert_eq!(kit.recv(), Ok(parts(&["A", "2"])));
    kit.send(&["A", "3"]).unwrap();
    // After a reconnection the id that is known first stays.
    introduce(&mut a.ends, "other");
    kit.say(&mut a, &["4"]);
    assert_eq!(kit.recv(), Ok(parts(&["A", "4"])));
    kit.lose(a);
    assert_eq!(kit.send(&["A", "5"]), Err(Error::EHOSTUNREACH));
    assert!(!kit.can_recv() && kit.pipes.is_empty());
    let stranger = kit.attach(false, None);
    kit.lose(stranger);
    assert!(kit.pipes.is_empty());
}

#[test]
fn a_routing_id_is_free_once_its_peer_is_gone() {
    let mut kit = router(|_| {});
    let mut a = kit.attach(false, Some("A"));
    kit.say(&mut a, &["0"]);
    assert_eq!(kit.recv(), Ok(parts(&["A", "0"])));
    kit.lose(a);
    assert!(!kit.can_recv() && kit.pipes.is_empty());
    // It has the same slot, so that what is known of the last one must not be taken for it.
    let mut again = kit.attach(false, Some("A"));
    kit.send(&["A", "x"]).unwrap();
    assert_eq!(kit.heard(&mut again), ["x"]);
    kit.say(&mut again, &["1"]);
    assert_eq!(kit.recv(), Ok(parts(&["A", "1"])));
    kit.send(&["A", "2"]).unwrap();
    assert_eq!(kit.heard(&mut again), ["2"]);
}

#[test]
fn a_full_pipe_drops_or_if_mandatory_fails() {
    for mandatory in [false, true] {
        let mut kit = router(|options| options.router_mandatory = mandatory);
        kit.limit = 1;
        let mut a = kit.attach(false, Some("A"));
        kit.send(&["A", "1"]).unwrap();
        assert_eq!(kit.can_send(), !mandatory);
        let full = kit.send(&["A", "2"]);
        assert_eq!(
            full,
            if mandatory {
                Err(Error::EAGAIN)
            } else {
                Ok(())
            }
        );
        assert_eq!(kit.heard(&mut a), ["1"]);
        assert!(kit.can_send());
        kit.send(&["A", "3"]).unwrap();
        assert_eq!(kit.heard(&mut a), ["3"]);
        kit.pipes.get_mut(a.id).unwrap().set_far_closed();
        let closed = kit.send(&["A", "4"]);
        let unreachable = Err(Error::EHOSTUNREACH);
        assert_eq!(closed, if mandatory { unreachable } else { Ok(()) });
    }
}

#[test]
fn the_second_peer_of_a_name_is_ignored() {
    let mut kit = router(|_| {});
    let mut a = kit.attach(false, Some("A"));
    let mut b = kit.attach(false, Some("A"));
    kit.say(&mut b, &["ignored"]);
    kit.say(&mut a, &["1"]);
    assert_eq!(kit.recv(), Ok(parts(&["A", "1"])));
    assert_eq!(kit.recv(), Err(Error::EAGAIN));
    kit.send(&["A", "2"]).unwrap();
    assert_eq!(kit.heard(&mut a), ["2"]);
    kit.lose(b);
    assert_eq!(kit.pipes.ids(), [a.id]);
}

#[test]
fn a_name_is_handed_over_and_what_is_being_received_stays_whole() {
    let mut kit = router(|options| options.router_handover = true);
    let mut a = kit.attach(false, Some("A"));
    kit.say(&mut a, &["1", "2"]);
    assert_eq!(kit.recv_part(), Ok((true, b"A".to_vec())));
    let mut b = kit.attach(false, Some("A"));
    // The old one's connection stays as it is, and nothing more comes of it.
    kit.say(&mut a, &["5"]);
    assert_eq!(kit.recv(), Ok(parts(&["1", "2"])));
    assert!(!kit.can_recv());
    kit.send(&["A", "3"]).unwrap();
    assert_eq!(kit.heard(&mut b), ["3"]);
    kit.say(&mut b, &["4"]);
    assert_eq!(kit.recv(), Ok(parts(&["A", "4"])));
    assert_eq!(kit.heard(&mut a), [""; 0]);
    kit.lose(a);
    assert_eq!(kit.pipes.ids(), [b.id]);
}

#[test]
fn the_next_local_pipe_gets_the_name_it_was_given() {
    let mut kit = router(|_| {});
    assert_eq!(kit.pattern.set_connect_routing_id(b""), Err(Error::EINVAL));
    kit.pattern.set_connect_routing_id(b"B").unwrap();
    let mut other = kit.attach(false, Some("A"));
    let mut b = kit.attach(true, None);
    kit.send(&["B", "1"]).unwrap();
    assert_eq!(kit.heard(&mut b), ["1"]);
    // A name that is taken is not given again.
    kit.pattern.set_connect_routing_id(b"B").unwrap();
    let mut c = kit.attach(true, Some("C"));
    kit.send(&["C", "2"]).unwrap();
    assert_eq!(kit.heard(&mut c), ["2"]);
    assert_eq!(kit.heard(&mut other), [""; 0]);
}

#[test]
fn an_empty_part_closes_a_raw_connection() {
    let mut kit = router(|options| options.router_raw = true);
    let mut a = kit.attach(false, None);
    kit.say(&mut a, &["bytes"]);
    let (_, id) = kit.recv_part().unwrap();
    assert_eq!(kit.recv(), Ok(parts(&["bytes"])));
    for part in ["1", "2"] {
        kit.send_part(true, &id).unwrap();
        // There is no more to a raw message than one part.
        kit.send_part(true, part.as_bytes()).unwrap();
    }
    assert_eq!(kit.heard(&mut a), ["1", "2"]);
    kit.send_part(true, &id).unwrap();
    kit.send_part(false, b"").unwrap();
    assert!(kit.pipes.is_empty());
}

#[test]
fn a_stream_has_made_up_names_and_closes_by_an_empty_part() {
    let mut kit = Kit::new(SocketType::Stream);
    let mut a = kit.attach(true, None);
    let id = kit.pattern.take_made_up_routing_id().unwrap();
    kit.say(&mut a, &["bytes"]);
    assert_eq!(kit.recv(), Ok(vec![id.to_vec(), b"bytes".to_vec()]));
    assert_eq!(kit.send(&["nobody", "x"]), Err(Error::EHOSTUNREACH));
    kit.send_part(true, &id).unwrap();
    kit.send_part(true, b"1").unwrap();
    // A name without MORE swallows the next part.
    kit.send_part(false, &id).unwrap();
    kit.send_part(false, b"2").unwrap();
    assert_eq!(kit.heard(&mut a), ["1"]);
    kit.send_part(true, &id).unwrap();
    kit.send_part(false, b"").unwrap();
    assert!(kit.pipes.is_empty());
    assert_eq!(kit.send_part(true, &id), Err(Error::EHOSTUNREACH));
}
