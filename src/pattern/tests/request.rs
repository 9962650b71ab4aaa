//! REQ and REP.

use super::*;

fn req(correlate: bool, relaxed: bool) -> Kit {
    let options = PatternOptions {
        req_correlate: correlate,
        req_relaxed: relaxed,
        ..PatternOptions::default()
    };
    Kit::with(SocketType::Req, options)
}

#[test]
fn requests_and_replies_alternate() {
    let mut kit = req(false, false);
    let (mut a, mut b) = (kit.peer(), kit.peer());
    assert_eq!(kit.recv(), Err(Error::EFSM));
    kit.send(&["1", "2"]).unwrap();
    assert!(!kit.can_send() && !kit.can_recv());
    assert_eq!(kit.send(&["x"]), Err(Error::EFSM));
    assert_eq!(kit.heard(&mut a), ["", "1", "2"]);
    assert_eq!(kit.recv(), Err(Error::EAGAIN));
    kit.say(&mut b, &["", "from somebody else"]);
    kit.say(&mut a, &["without", "an empty part"]);
    kit.say(&mut a, &["alone"]);
    kit.say(&mut a, &["", "3", "4"]);
    assert_eq!(kit.recv_part(), Ok((true, b"3".to_vec())));
    assert_eq!(kit.send(&["x"]), Err(Error::EFSM), "not all was received");
    assert_eq!(kit.recv(), Ok(parts(&["4"])));
    assert!(kit.can_send());
    kit.send(&["5"]).unwrap();
    assert_eq!(kit.heard(&mut b), ["", "5"], "each in turn");
}

#[test]
fn late_replies_are_passed_over() {
    let mut kit = req(false, false);
    let mut a = kit.peer();
    kit.send(&["1"]).unwrap();
    kit.say(&mut a, &["", "1"]);
    kit.recv().unwrap();
    kit.say(&mut a, &["", "1 again"]);
    kit.send(&["2"]).unwrap();
    kit.say(&mut a, &["", "2"]);
    assert_eq!(kit.recv(), Ok(parts(&["2"])));
}

#[test]
fn a_relaxed_request_with_a_number_gets_its_own_reply() {
    let mut kit = req(true, true);
    let mut a = kit.peer();
    kit.send(&["1"]).unwrap();
    assert!(kit.can_send());
    kit.send(&["2"]).unwrap();
    let mut requests = Vec::new();
    while let Some(Record::Frame(_, body)) = a.ends.rx.read() {
        requests.push(body.to_vec());
    }
    assert_eq!((&requests[2][..], &requests[5][..]), (&b"1"[..], &b"2"[..]));
    let next = u32::from_ne_bytes(requests[0][..].try_into().unwrap()).wrapping_add(1);
    assert_eq!(requests[3], next.to_ne_bytes());
    for (number, body) in [(&requests[0], b"1"), (&requests[3], b"2")] {
        let tx = &mut a.ends.tx;
        let frames: [(bool, &[u8]); 3] = [(true, number), (true, b""), (false, body)];
        for (more, part) in frames {
            tx.write(more, &mut Source::Bytes(part)).unwrap();
        }
        if tx.publish() {
            kit.pattern.readable(&mut kit.pipes, a.id);
        }
    }
    assert_eq!(kit.recv(), Ok(parts(&["2"])));
}

#[test]
fn the_reply_may_come_from_anybody_once_the_peer_is_gone() {
    let mut kit = req(false, false);
    let (a, mut b) = (kit.peer(), kit.peer());
    kit.send(&["1"]).unwrap();
    kit.lose(a);
    assert_eq!(kit.recv(), Err(Error::EAGAIN));
    kit.say(&mut b, &["", "2"]);
    assert_eq!(kit.recv(), Ok(parts(&["2"])));
}

#[test]
fn a_reply_goes_back_the_way_that_the_request_has_come() {
    let mut kit = Kit::new(SocketType::Rep);
    let (mut a, mut b) = (kit.peer(), kit.peer());
    assert_eq!(kit.send(&["x"]), Err(Error::EFSM));
    kit.say(&mut a, &["no", "empty", "part"]);
    kit.say(&mut a, &["alone"]);
    kit.say(&mut b, &["way", "back", "", "1", "", "2"]);
    assert_eq!(kit.recv_part(), Ok((true, b"1".to_vec())));
    assert_eq!(kit.send(&["x"]), Err(Error::EFSM), "not all was received");
    assert_eq!(kit.recv(), Ok(parts(&["", "2"])));
    assert!(kit.can_send() && !kit.can_recv());
    assert_eq!(kit.recv(), Err(Error::EFSM));
    kit.send(&["3", "4"]).unwrap();
    assert!(!kit.can_send());
    assert_eq!(kit.heard(&mut a), [""; 0]);
    assert_eq!(kit.heard(&mut b), ["way", "back", "", "3", "4"]);
    kit.say(&mut a, &["", "5"]);
    assert_eq!(kit.recv(), Ok(parts(&["5"])));
}

#[test]
fn a_reply_to_nobody_is_dropped() {
    let mut kit = Kit::new(SocketType::Rep);
    let (mut a, mut b) = (kit.peer(), kit.peer());
    kit.say(&mut a, &["", "1", "2"]);
    assert_eq!(kit.recv_part(), Ok((true, b"1".to_vec())));
    kit.detach(a.id);
    assert_eq!(kit.recv(), Ok(parts(&["2"])));
    kit.send(&["3"]).unwrap();
    kit.say(&mut b, &["", "4"]);
    assert_eq!(kit.recv(), Ok(parts(&["4"])));
    kit.send(&["5"]).unwrap();
    assert_eq!(kit.heard(&mut b), ["", "5"]);
}
