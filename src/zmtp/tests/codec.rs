//! The frames of the steady state.

use super::*;

#[test]
fn every_codec_reads_what_it_writes() {
    for mut codec in [Codec::V1, Codec::Clear] {
        for len in [0, 1, 253, 254, 255, 256, 70000] {
            let body = vec![b'x'; len];
            let mut octets = Vec::new();
            codec
                .encode(
                    Flags::MORE,
                    &[&body[..len / 2], &body[len / 2..]],
                    &mut octets,
                )
                .unwrap();
            let header = codec.parse(&octets, Limit::NONE).unwrap().unwrap();
            assert_eq!(header.frame_len(), octets.len());
            let frame_body = &mut octets[header.header_len..];
            let (flags, range) = codec.decode(&header, frame_body).unwrap();
            assert_eq!(flags, Flags::MORE);
            assert_eq!(frame_body[range], body);
        }
    }
}

#[test]
fn commands_and_subscriptions_are_framed() {
    let mut out = Vec::new();
    Codec::Clear
        .encode_command(&Command::Pong { context: b"abc" }, &mut out)
        .unwrap();
    Codec::Clear
        .encode_subscription(Version::V3_1, true, b"A", &mut out)
        .unwrap();
    Codec::Clear
        .encode_subscription(Version::V3_0, true, b"A", &mut out)
        .unwrap();
    Codec::V1
        .encode_subscription(Version::V1, false, b"A", &mut out)
        .unwrap();
    assert_eq!(
        out,
        b"\x04\x08\x04PONGabc\x04\x0b\x09SUBSCRIBEA\x00\x02\x01A\x03\x00\x00A"
    );
}
