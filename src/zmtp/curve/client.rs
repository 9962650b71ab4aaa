//! The client's side of the handshake.

use super::{
    CRYPTOGRAPHIC, Fields, HELLO, INITIATE, PublicKey, READY, Role, SecretKey, Session, WELCOME,
    boxes::{SharedKey, TAG, fresh, long_nonce, short_nonce},
    no_random,
};
use crate::{
    consts, memory,
    zmtp::{
        Codec, Failure, Flags, Local, frame,
        mechanism::{Context, ERROR, Next, Outcome, error_received, invalid_metadata},
        metadata,
    },
};

/// The nonces of HELLO and INITIATE; messages count on from there.
const HELLO_COUNTER: u64 = 1;
const INITIATE_COUNTER: u64 = 2;

/// The keys a client is given.
#[derive(Clone, Debug)]
pub struct ClientKeys {
    /// The key that the server is known by.
    pub server: PublicKey,
    /// The client's own key, which the server is shown.
    pub public: PublicKey,
    /// What belongs to it.
    pub secret: SecretKey,
}

/// How far the client's handshake is.
pub enum Client {
    /// HELLO is out.
    AwaitWelcome {
        keys: ClientKeys,
        transient: SecretKey,
    },
    /// INITIATE is out.
    AwaitReady { key: SharedKey },
}

impl Client {
    pub fn start(keys: ClientKeys, out: &mut Vec<u8>) -> Result<Client, Failure> {
        let transient = SecretKey::generate().map_err(no_random)?;
        let to_server = SharedKey::new(&keys.server, &transient)?;
        let mut command = Vec::with_capacity(200);
        command.extend_from_slice(HELLO);
        command.extend_from_slice(&[1, 0]);
        command.extend_from_slice(&[0; 72]);
        command.extend_from_slice(&transient.public_key());
        command.extend_from_slice(&HELLO_COUNTER.to_be_bytes());
        let nonce = short_nonce(b"CurveZMQHELLO---", HELLO_COUNTER);
        to_server.append(&nonce, &[0; 64], &mut command)?;
        frame::write(Flags::COMMAND, &command, out)?;
        Ok(Client::AwaitWelcome { keys, transient })
    }

    pub fn on(self, command: &[u8], cx: &mut Context, out: &mut Vec<u8>) -> Outcome<Client> {
        if let Some(fields) = command.strip_prefix(WELCOME) {
            let Client::AwaitWelcome { keys, transient } = self else {
                return Err(Failure::UNEXPECTED_COMMAND);
            };
            let key = welcome(fields, &transient, &keys, &cx.local, out)?;
            Ok(Next::Wait(Client::AwaitReady { key }))
        } else if let Some(fields) = command.strip_prefix(READY) {
            let Client::AwaitReady { key } = self else {
                return Err(Failure::UNEXPECTED_COMMAND);
            };
            let last = ready(fields, &key, cx)?;
            let session = Session::new(Role::Client, key, INITIATE_COUNTER + 1, last);
            Ok(Next::Ready(Codec::Curve(Box::new(session))))
        } else if let Some(reason) = command.strip_prefix(ERROR) {
            Err(error_received(reason))
        } else {
            Err(Failure::UNEXPECTED_COMMAND)
        }
    }
}

/// Answers WELCOME with INITIATE; returns what is shared with the server from then on.
fn welcome(
    fields: &[u8],
    transient: &SecretKey,
    keys: &ClientKeys,
    local: &Local,
    out: &mut Vec<u8>,
) -> Result<SharedKey, Failure> {
    const SEALED: usize = TAG + 32 + 96;
    if fields.len() != 16 + SEALED {
        // libzmq does not say MALFORMED_COMMAND_WELCOME here.
        return Err(CRYPTOGRAPHIC);
    }
    let mut fields = Fields(fields);
    let nonce = long_nonce(b"WELCOME-", &fields.take());
    let mut sealed: [u8; SEALED] = fields.take();
    let text = SharedKey::new(&keys.server, transient)?.open(&nonce, &mut sealed)?;
    let mut text = Fields(text);
    let server: PublicKey = text.take();
    let cookie: [u8; 96] = text.take();
    let key = SharedKey::new(&server, transient)?;

    let vouch_random = fresh().map_err(no_random)?;
    let mut vouched = [0; 64];
    vouched[..32].copy_from_slice(&transient.public_key());
    vouched[32..].copy_from_slice(&keys.server);

    let mut text = Vec::with_capacity(256);
    text.extend_from_slice(&keys.public);
    text.extend_from_slice(&vouch_random);
    let nonce = long_nonce(b"VOUCH---", &vouch_random);
    SharedKey::new(&server, &keys.secret)?.append(&nonce, &vouched, &mut text)?;
    metadata::write_local(local, &mut text)?;

    let mut command = Vec::with_capacity(512);
    command.extend_from_slice(INITIATE);
    command.extend_from_slice(&cookie);
    command.extend_from_slice(&INITIATE_COUNTER.to_be_bytes());
    let nonce = short_nonce(b"CurveZMQINITIATE", INITIATE_COUNTER);
    key.append(&nonce, &text, &mut command)?;
    frame::write(Flags::COMMAND, &command, out)?;
    Ok(key)
}

/// Takes in READY; returns its nonce.
fn ready(fields: &[u8], key: &SharedKey, cx: &mut Context) -> Result<u64, Failure> {
    if fields.len() < 8 + TAG {
        return Err(Failure::Protocol(
            consts::ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY,
        ));
    }
    let mut fields = Fields(fields);
    let counter = fields.counter();
    let mut sealed = memory::copied(fields.0)?;
    let metadata = key.open(&short_nonce(b"CurveZMQREADY---", counter), &mut sealed)?;
    cx.learn(metadata).map_err(invalid_metadata)?;
    Ok(counter)
}
