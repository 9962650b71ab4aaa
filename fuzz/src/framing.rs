//! Frames, and what stands in them: commands, metadata, the ZAP handler's reply.

use zmq::{
    error::{Error, Result},
    zmtp::{
        Codec, Command, Header, Limit, Version, command, frame, metadata, v1,
        zap::{Reply, Status},
    },
};

use crate::input::Input;

type Parse = fn(&[u8], Limit) -> Result<Option<Header>>;

/// The frames of ZMTP 1, 2 and 3: their headers are read alike however much has come, lengths are within the limit, and
/// what is read can be written.
pub fn frames(octets: &[u8]) {
    let mut input = Input::new(octets);
    let old = input.flag();
    let (mut codec, parse, max): (Codec, Parse, usize) = if old {
        (Codec::V1, v1::parse, v1::MAX_HEADER)
    } else {
        (Codec::Clear, Header::parse, frame::HEAD_MAX)
    };
    let most = [0, 1, 255, 8192, 1 << 20, i64::MAX, -1][input.below(7)];
    let limit = Limit::new(most);
    let mut rest = input.rest();
    if !old {
        walks(rest, limit);
    }
    loop {
        let parsed = parse(rest, limit);
        for len in 0..rest.len().min(max + 1) {
            let early = parse(&rest[..len], limit);
            assert!(early == parsed || early == Ok(None), "{early:?}");
        }
        let header = match parsed {
            Ok(Some(header)) => header,
            Ok(None) => return assert!(rest.len() < max),
            Err(error) => {
                return assert!(error == Error::EMSGSIZE || old && error == Error::EPROTO);
            }
        };
        assert!(header.header_len <= max && header.frame_len() > header.body_len);
        assert!(most < 0 || header.body_len as i64 <= most);
        assert!(!(old && header.flags.command()));
        let Some(body) = rest.get(header.header_len..header.frame_len()) else {
            return;
        };
        let mut written = Vec::new();
        let (one, two) = body.split_at(body.len() / 2);
        codec
            .encode(header.flags, &[one, two], &mut written)
            .unwrap();
        let again = parse(&written, limit);
        let again = again.expect("a header").expect("a whole one");
        assert_eq!((again.flags, again.body_len), (header.flags, body.len()));
        assert!(again.header_len <= header.header_len);
        assert_eq!(&written[again.header_len..], body);
        rest = &rest[header.frame_len()..];
    }
}

/// Walking comes as far as reading header by header does.
fn walks(octets: &[u8], limit: Limit) {
    let mut messages = 0;
    let mut at = 0;
    let mut expected = frame::Walk::default();
    while let Ok(Some(header)) = Header::parse(&octets[at..], limit)
        && octets[at] & !3 == 0
        && octets.len() - at >= header.frame_len()
    {
        assert!(frame::walk(octets, limit, messages).messages == messages);
        at += header.frame_len();
        expected.octets = at;
        if !header.flags.more() {
            messages += 1;
            (expected.messages, expected.whole) = (messages, at);
        }
    }
    assert_eq!(frame::walk(octets, limit, u64::MAX), expected);
}

/// The commands of the steady state: what is read is written as it was, and what is written is read.
pub fn commands(octets: &[u8]) {
    let mut body = Vec::new();
    if let Ok(command) = Command::parse(octets) {
        command.encode(&mut body).unwrap();
        match command {
            Command::Ping { context, .. } => {
                assert!(context.len() <= command::MAX_PING_CONTEXT && octets.starts_with(&body));
            }
            _ => assert_eq!(body, octets),
        }
    }
    let mut input = Input::new(octets);
    let (kind, ttl, version) = (
        input.below(5),
        input.below(256) as u16 * 257,
        input.below(4),
    );
    let name = input.counted();
    let text = input.rest();
    let command = match kind {
        0 => Command::Ping {
            ttl,
            context: &text[..text.len().min(command::MAX_PING_CONTEXT)],
        },
        1 => Command::Pong { context: text },
        2 => Command::Subscribe(text),
        3 => Command::Cancel(text),
        _ => Command::Other { name, body: text },
    };
    body.clear();
    command.encode(&mut body).unwrap();
    let known = [&b"PING"[..], b"PONG", b"SUBSCRIBE", b"CANCEL"];
    if kind != 4 || !known.contains(&name) {
        assert_eq!(Command::parse(&body), Ok(command));
    }

    // A subscription is that command to a new peer, and a message to an old one.
    let version = [Version::V1, Version::V2, Version::V3_0, Version::V3_1][version];
    let mut codec = match version {
        Version::V1 => Codec::V1,
        _ => Codec::Clear,
    };
    let mut frame = Vec::new();
    codec
        .encode_subscription(version, kind == 2, text, &mut frame)
        .unwrap();
    let header = codec.parse(&frame, Limit::NONE);
    let header = header.expect("a header").expect("a whole one");
    let body = &mut frame[header.header_len..];
    let (flags, range) = codec.decode(&header, body).expect("clear");
    let body = &body[range];
    match (version, kind == 2) {
        (Version::V3_1, true) => assert_eq!(Command::parse(body), Ok(Command::Subscribe(text))),
        (Version::V3_1, false) => assert_eq!(Command::parse(body), Ok(Command::Cancel(text))),
        (_, subscribe) => assert_eq!((body[0], &body[1..]), (u8::from(subscribe), text)),
    }
    assert_eq!(flags.command(), version == Version::V3_1);
}

/// Metadata: the properties are pieces of the input, in order, and survive being written.
pub fn metadata(octets: &[u8]) {
    let mut written = Vec::new();
    let (mut count, mut error) = (0, None);
    for property in metadata::properties(octets) {
        assert_eq!(error, None, "an error is the last item");
        match property {
            Ok((name, value)) => {
                metadata::write(name, value, &mut written).unwrap();
                count += 1;
            }
            Err(found) => error = Some(found),
        }
    }
    // All but what was refused, or cut right behind a name or a length.
    assert!(octets.starts_with(&written));
    assert!(error.is_some() || octets.len() - written.len() <= 1 + 255 + 4);
    let again: Result<Vec<_>> = metadata::properties(&written).collect();
    assert_eq!(again.map(|properties| properties.len()), Ok(count));

    let mut input = Input::new(octets);
    let (name, value) = (input.counted(), input.rest());
    written.clear();
    metadata::write(name, value, &mut written).unwrap();
    if !(name.is_empty() && value.is_empty()) {
        let properties: Vec<_> = metadata::properties(&written).collect();
        assert_eq!(properties, [Ok((name, value))]);
    }
}

/// The ZAP handler's reply, in any number of frames.
pub fn zap_reply(octets: &[u8]) {
    let mut input = Input::new(octets);
    let mut frames = zap_frames(&mut input);
    let parsed = Reply::parse(&frames);
    if let Ok(reply) = parsed {
        let [delimiter, version, id, status, _, user_id, metadata] = &frames[..] else {
            panic!("a reply of {} frames", frames.len());
        };
        assert!(delimiter.is_empty());
        assert_eq!((&version[..], &id[..]), (&b"1.0"[..], &b"1"[..]));
        assert_eq!(&status[..], reply.status.digits());
        assert_eq!(Status::from_digits(status), Some(reply.status));
        assert_eq!(reply.properties.get(b"User-Id"), Some(&user_id[..]));
        let sizes = reply
            .properties
            .iter()
            .map(|(name, value)| name.len() + value.len());
        assert!(sizes.sum::<usize>() <= metadata.len() + user_id.len() + b"User-Id".len());
        // One frame more or less, and it is none.
        frames.push(Vec::new());
        Reply::parse(&frames).expect_err("eight frames");
        frames.truncate(6);
        Reply::parse(&frames).expect_err("six frames");
    }
}

/// A reply that is right but for what the input says.
pub fn zap_frames(input: &mut Input) -> Vec<Vec<u8>> {
    let status = [&b"200"[..], b"300", b"400", b"500"][input.below(4)];
    let good: [&[u8]; 7] = [b"", b"1.0", b"1", status, b"text", b"someone", b""];
    let mut frames = good.map(<[u8]>::to_vec).to_vec();
    for _ in 0..input.below(4) {
        let at = input.below(8);
        let frame = input.counted().to_vec();
        match frames.get_mut(at) {
            Some(old) => *old = frame,
            None => frames.push(frame),
        }
    }
    if input.below(16) == 1 {
        frames.truncate(input.below(8));
    }
    frames
}
