//! How ZMTP looks on the wire (RFC 13, 15, 23, 24 and 37), written a second time so as to check the first.

/// The versions of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// ZMTP 1.0, without a signature.
    Unversioned,
    /// ZMTP 1.0 of a peer that sends a signature: revision 0.
    V1,
    /// ZMTP 2.0: revision 1.
    V2,
    /// ZMTP 3.0.
    V3,
    /// ZMTP 3.1.
    V31,
}

impl Version {
    /// Whether its frames are those of ZMTP 1.0.
    pub fn is_old(self) -> bool {
        self <= Version::V1
    }

    /// Whether it has commands.
    pub fn has_commands(self) -> bool {
        self >= Version::V3
    }
}

/// The flags of a frame.
pub const MORE: u8 = 1;
/// Its length has eight octets.
pub const LONG: u8 = 2;
/// It is a command.
pub const COMMAND: u8 = 4;

const SIGNATURE: [u8; 10] = [0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f];

/// Appends the head of a frame. `long` takes eight octets for its length though one would do.
pub fn head(version: Version, flags: u8, size: usize, long: bool, out: &mut Vec<u8>) {
    if version.is_old() {
        let size = size + 1;
        if size < 255 && !long {
            out.push(size as u8);
        } else {
            out.push(0xff);
            out.extend((size as u64).to_be_bytes());
        }
        out.push(flags & !LONG & !COMMAND);
    } else if size < 256 && !long {
        out.extend([flags & !LONG, size as u8]);
    } else {
        out.push(flags | LONG);
        out.extend((size as u64).to_be_bytes());
    }
}

/// Appends a frame.
pub fn frame(version: Version, flags: u8, body: &[u8], out: &mut Vec<u8>) {
    head(version, flags, body.len(), false, out);
    out.extend(body);
}

/// A command's body.
pub fn command(name: &[u8], body: &[u8]) -> Vec<u8> {
    [&[name.len() as u8], name, body].concat()
}

/// Appends a property.
pub fn property(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.push(name.len() as u8);
    out.extend(name);
    out.extend((value.len() as u32).to_be_bytes());
    out.extend(value);
}

/// The properties of a peer.
pub fn metadata(socket_type: &[u8], identity: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    property(b"Socket-Type", socket_type, &mut out);
    property(b"Identity", identity, &mut out);
    out
}

/// The properties in metadata, unless they are malformed. One that ends right after its name, or after its value's size,
/// is none, and nothing is wrong with it, as with libzmq.
pub fn properties(mut metadata: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut properties = Vec::new();
    while !metadata.is_empty() {
        let (size, rest) = metadata
            .split_first()
            .filter(|(_, rest)| !rest.is_empty())?;
        let (name, rest) = rest.split_at_checked(usize::from(*size))?;
        if rest.is_empty() {
            break;
        }
        let (size, rest) = rest.split_first_chunk()?;
        let size = u32::from_be_bytes(*size) as usize;
        if rest.is_empty() && size > 0 {
            break;
        }
        let (value, rest) = rest.split_at_checked(size)?;
        properties.push((name, value));
        metadata = rest;
    }
    Some(properties)
}

/// The greeting of ZMTP 3.
pub fn greeting(minor: u8, mechanism: &[u8], as_server: bool) -> Vec<u8> {
    let mut out = SIGNATURE.to_vec();
    out.extend([3, minor]);
    out.extend(mechanism);
    out.resize(32, 0);
    out.push(as_server.into());
    out.resize(64, 0);
    out
}

/// How a peer of ZMTP 1 or 2 introduces itself: `kind` is its socket's number.
pub fn old_introduction(version: Version, kind: u8, identity: &[u8]) -> Vec<u8> {
    let mut out = match version {
        Version::Unversioned => Vec::new(),
        Version::V1 => [&SIGNATURE[..], &[0, kind]].concat(),
        _ => [&SIGNATURE[..], &[1, kind]].concat(),
    };
    frame(version, 0, identity, &mut out);
    out
}

/// A frame that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its flags, but for [`LONG`].
    pub flags: u8,
    /// Its body.
    pub body: Vec<u8>,
}

/// What came of a stream's next octets.
pub enum Parsed {
    /// A frame, and how many octets it took.
    Frame(Frame, usize),
    /// There is too little, of which nothing is wrong yet.
    Part,
    /// No frame begins like this.
    Wrong,
}

/// The head of the next frame: its flags, and the sizes of the head and the body. `None` if there is too little,
/// `Some(None)` if it is wrong.
pub fn parse_head(version: Version, octets: &[u8]) -> Option<Option<(u8, usize, u64)>> {
    let long = || {
        octets
            .get(1..9)
            .map(|n| u64::from_be_bytes(n.try_into().expect("8 octets")))
    };
    let first = *octets.first()?;
    Some(match (version.is_old(), first) {
        (true, 0) => None,
        (true, 0xff) => match long()? {
            0 => None,
            size => Some((*octets.get(9)? & MORE, 10, size - 1)),
        },
        (true, size) => Some((*octets.get(1)? & MORE, 2, u64::from(size) - 1)),
        (false, flags) if flags & LONG != 0 => Some((flags & !LONG, 9, long()?)),
        (false, flags) => Some((flags, 2, u64::from(*octets.get(1)?))),
    })
}

/// The next frame of a stream, with a body of at most `limit` octets.
pub fn parse(version: Version, octets: &[u8], limit: u64) -> Parsed {
    match parse_head(version, octets) {
        None => Parsed::Part,
        Some(None) => Parsed::Wrong,
        Some(Some((_, _, size))) if size > limit => Parsed::Wrong,
        Some(Some((flags, head, size))) => match octets.get(head..head + size as usize) {
            None => Parsed::Part,
            Some(body) => Parsed::Frame(
                Frame {
                    flags,
                    body: body.to_vec(),
                },
                head + body.len(),
            ),
        },
    }
}
