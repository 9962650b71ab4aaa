//! What is text: endpoints and Z85; and the conversation with a SOCKS proxy.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use zmq::{
    endpoint::{Endpoint, IpcEndpoint, Literal, Side, TcpEndpoint, ip_literal, tcp_uri},
    error::{Error, Result},
    z85,
    zmtp::socks::{ANSWER_MAX, Client, Step},
};

use crate::input::{Cuts, Input};

/// Endpoints: the text survives, and what the system says comes back as what it was.
pub fn endpoints(octets: &[u8]) {
    if let Ok(endpoint) = Endpoint::parse(octets) {
        assert_eq!(endpoint.to_uri(), octets);
        let checked = endpoint.check_connect();
        match &endpoint {
            Endpoint::Tcp(tcp) => {
                for side in [Side::Bind, Side::Connect] {
                    // Only binding knows a wildcard for the port.
                    let target = tcp.target(side);
                    assert!(target.is_err() || tcp.target(Side::Bind) == target);
                }
                let _ = tcp.source().map(|source| source.map(|source| source.host));
            }
            Endpoint::Ipc(ipc) => {
                let name = ipc.socket_name();
                assert_eq!(name.is_ok(), checked.is_ok());
                if let Ok(name) = name {
                    assert_eq!((name.len(), name.len() < 108), (ipc.path().len(), true));
                    if !ipc.path().contains(&0) {
                        assert_eq!(&IpcEndpoint::from_socket_name(&name), ipc);
                    }
                }
            }
            Endpoint::Inproc(_) => assert_eq!(checked, Ok(())),
        }
    }

    // Numeric addresses are those of the standard library, which knows fewer forms.
    let text = std::str::from_utf8(octets).unwrap_or("");
    for ipv6 in [false, true] {
        let literal = ip_literal(octets, ipv6);
        if let Ok(ip) = text.parse::<Ipv4Addr>() {
            let ip = if ipv6 {
                ip.to_ipv6_mapped().into()
            } else {
                ip.into()
            };
            assert_eq!(literal, Literal::Address(ip));
        } else if let Ok(ip) = text.parse::<Ipv6Addr>() {
            assert!(ipv6 == (literal == Literal::Address(ip.into())));
        }
    }

    let mut input = Input::new(octets);
    let port = u16::from_be_bytes(input.array());
    let ip = match input.flag() {
        true => IpAddr::from(input.array::<16>()),
        false => IpAddr::from(input.array::<4>()),
    };
    let uri = tcp_uri(&SocketAddr::new(ip, port), None);
    let Ok(Endpoint::Tcp(tcp)) = Endpoint::parse(uri.as_bytes()) else {
        panic!("{uri}");
    };
    let target = tcp.target(Side::Connect).expect("an address");
    let literal = ip_literal(target.host.name, ip.is_ipv6());
    assert_eq!((literal, target.port), (Literal::Address(ip), port));
}

/// Z85: what is decoded is encoded as it was, and the other way round.
pub fn z85(octets: &[u8]) {
    match z85::decode(octets) {
        Ok(bytes) => {
            assert_eq!(bytes.len() * 5, octets.len() * 4);
            assert_eq!(z85::encode(&bytes).as_deref(), Ok(octets));
        }
        Err(error) => assert_eq!(error, Error::EINVAL),
    }
    match z85::encode(octets) {
        Ok(text) if text.is_empty() => assert!(octets.is_empty()),
        Ok(text) => assert_eq!(z85::decode(&text).as_deref(), Ok(octets)),
        Err(error) => assert_eq!(
            (error, octets.len().is_multiple_of(4)),
            (Error::EINVAL, false)
        ),
    }
}

/// What a proxy's answers, in these pieces, come to: what was said to it, how many of the octets were its, and whether
/// it is done.
fn converse<'a>(
    peer: &TcpEndpoint,
    login: (&[u8], &[u8]),
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<(Vec<u8>, usize, bool)> {
    let (mut out, mut taken) = (Vec::new(), 0);
    let mut client = Client::start(&peer.target(Side::Connect)?, login.0, login.1, &mut out)?;
    for mut piece in pieces {
        while !piece.is_empty() {
            let wanted = client.wanted();
            assert!((1..=ANSWER_MAX).contains(&wanted));
            let size = wanted.min(piece.len());
            taken += size;
            match client.on(piece.split_off(..size).unwrap_or_default(), &mut out)? {
                Step::More(next) => client = next,
                Step::Done => return Ok((out, taken, true)),
            }
        }
    }
    Ok((out, taken, false))
}

/// A SOCKS proxy's answers: the same however they are cut, and nothing of the peer's is taken for the proxy's.
pub fn socks(octets: &[u8]) {
    let mut input = Input::new(octets);
    let peers = ["1.2.3.4:80", "[::1]:80", "example.org:80", "h:0"];
    let peer = TcpEndpoint::new(peers[input.below(peers.len())].as_bytes());
    let cuts = Cuts::of(&mut input);
    let login = match input.flag() {
        true => (input.counted(), &b"secret"[..]),
        false => (&b""[..], &b""[..]),
    };
    let answers = input.rest();
    let whole = converse(&peer, login, std::iter::once(answers));
    assert_eq!(converse(&peer, login, cuts.pieces(answers)), whole);
    assert_eq!(converse(&peer, login, answers.chunks(1)), whole);
    if let Ok((out, taken, done)) = whole {
        assert!(out.len() <= 3 + 3 + 255 + 6 + 7 + 255);
        // By RFC 1928: a method, perhaps a login, and an answer as long as its address is.
        let answer = taken.min(answers.len());
        let before = if answers.get(1) == Some(&2) { 4 } else { 2 };
        if done {
            let address = &answers[before + 3..answer - 2];
            assert_eq!(
                address.len(),
                match address[0] {
                    1 => 5,
                    4 => 17,
                    _ => 2 + usize::from(address[1]),
                }
            );
        }
    }
}
