//! The server's side of the handshake.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{
    Fields, HELLO, INITIATE, PublicKey, READY, Role, SecretKey, Session, WELCOME,
    boxes::{SharedKey, TAG, fresh, long_nonce, short_nonce},
    no_random,
};
use crate::{
    consts,
    error::Error,
    memory,
    zmtp::{
        Codec, Failure, Flags, frame,
        mechanism::{Context, Next, Outcome, Verdict, check_name, write_error},
        metadata,
        zap::{Request, Status},
    },
};

/// The nonce of READY; messages count on from there.
const READY_COUNTER: u64 = 1;

/// How far the server's handshake is.
pub enum Server {
    /// Nothing has come.
    Hello { secret_key: SecretKey },
    /// WELCOME is out.
    AwaitInitiate(Box<Welcomed>),
    /// The ZAP handler was asked.
    Asking(Initiated),
    /// The client was turned down.
    Denied,
}

/// A client that said HELLO.
pub struct Welcomed {
    secret_key: SecretKey,
    client: PublicKey,
    hello_counter: u64,
    transient: SecretKey,
    cookie_key: SharedKey,
}

/// A client that has shown who it is.
pub struct Initiated {
    key: SharedKey,
    counter: u64,
}

impl Server {
    pub fn on(self, command: &[u8], cx: &mut Context, out: &mut Vec<u8>) -> Outcome<Server> {
        match self {
            Server::Hello { secret_key } => {
                check_name(command)?;
                let fields = command
                    .strip_prefix(HELLO)
                    .ok_or(Failure::UNEXPECTED_COMMAND)?;
                let welcomed = hello(fields, secret_key, out)?;
                Ok(Next::Wait(Server::AwaitInitiate(Box::new(welcomed))))
            }
            Server::AwaitInitiate(welcomed) => {
                check_name(command)?;
                let fields = command
                    .strip_prefix(INITIATE)
                    .ok_or(Failure::UNEXPECTED_COMMAND)?;
                let (client, initiated) = initiate(fields, &welcomed, cx)?;
                if cx.local.zap_enforce_domain && cx.local.zap_domain.is_empty() {
                    // Encryption without authentication.
                    return initiated.ready(cx, out);
                }
                let request = Request::new(&cx.local, b"CURVE", &[&client])?;
                Ok(Next::AskZap(Server::Asking(initiated), request))
            }
            Server::Asking(_) | Server::Denied => Err(Failure::Protocol(
                consts::ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED,
            )),
        }
    }

    pub fn on_zap(self, verdict: Verdict, cx: &Context, out: &mut Vec<u8>) -> Outcome<Server> {
        let Server::Asking(initiated) = self else {
            return Err(Failure::Quiet(Error::EFSM));
        };
        match verdict {
            Verdict::NoHandler if cx.local.zap_enforce_domain => {
                Err(Failure::NoDetail(Error::EFAULT))
            }
            Verdict::NoHandler | Verdict::Status(Status::Success) => initiated.ready(cx, out),
            Verdict::Status(status) => {
                if status != Status::TemporaryError {
                    write_error(status, out)?;
                }
                Ok(Next::Refuse(
                    Server::Denied,
                    Failure::Denied(status.number()),
                ))
            }
        }
    }
}

/// Answers HELLO with WELCOME.
fn hello(fields: &[u8], secret_key: SecretKey, out: &mut Vec<u8>) -> Result<Welcomed, Failure> {
    const SEALED: usize = TAG + 64;
    let malformed = Failure::Protocol(consts::ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO);
    if fields.len() != 2 + 72 + 32 + 8 + SEALED {
        return Err(malformed);
    }
    let mut fields = Fields(fields);
    if fields.take() != [1, 0] {
        return Err(malformed);
    }
    let _padding: [u8; 72] = fields.take();
    let client: PublicKey = fields.take();
    let hello_counter = fields.counter();
    let mut sealed: [u8; SEALED] = fields.take();
    let to_client = SharedKey::new(&client, &secret_key)?;
    to_client.open(
        &short_nonce(b"CurveZMQHELLO---", hello_counter),
        &mut sealed,
    )?;

    let transient = SecretKey::generate().map_err(no_random)?;
    let cookie_key = SharedKey::generate().map_err(no_random)?;
    let mut text = Vec::with_capacity(128);
    text.extend_from_slice(&transient.public_key());
    let cookie_random = fresh().map_err(no_random)?;
    text.extend_from_slice(&cookie_random);
    let cookie = cookie(&client, &transient);
    let nonce = long_nonce(b"COOKIE--", &cookie_random);
    cookie_key.append(&nonce, &cookie[..], &mut text)?;

    let mut command = Vec::with_capacity(168);
    command.extend_from_slice(WELCOME);
    let random = fresh().map_err(no_random)?;
    command.extend_from_slice(&random);
    to_client.append(&long_nonce(b"WELCOME-", &random), &text, &mut command)?;
    frame::write(Flags::COMMAND, &command, out)?;
    Ok(Welcomed {
        secret_key,
        client,
        hello_counter,
        transient,
        cookie_key,
    })
}

/// What is in a cookie: the client's transient public key and the server's transient secret one.
fn cookie(client: &PublicKey, transient: &SecretKey) -> Zeroizing<[u8; 64]> {
    let mut cookie = Zeroizing::new([0; 64]);
    cookie[..32].copy_from_slice(client);
    cookie[32..].copy_from_slice(&transient[..]);
    cookie
}

/// Takes in INITIATE; returns the client's permanent key.
fn initiate(
    fields: &[u8],
    welcomed: &Welcomed,
    cx: &mut Context,
) -> Result<(PublicKey, Initiated), Failure> {
    const COOKIE: usize = TAG + 64;
    const VOUCH: usize = TAG + 64;
    if fields.len() < 16 + COOKIE + 8 + TAG + 32 + 16 + VOUCH {
        return Err(Failure::Protocol(
            consts::ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE,
        ));
    }
    let mut fields = Fields(fields);
    let nonce = long_nonce(b"COOKIE--", &fields.take());
    let mut sealed = Zeroizing::new(fields.take::<COOKIE>());
    let ours = cookie(&welcomed.client, &welcomed.transient);
    let theirs = welcomed.cookie_key.open(&nonce, &mut sealed[..])?;
    if !bool::from(theirs.ct_eq(&ours[..])) {
        return Err(super::CRYPTOGRAPHIC);
    }

    let counter = fields.counter();
    let key = SharedKey::new(&welcomed.client, &welcomed.transient)?;
    let mut sealed = memory::copied(fields.0)?;
    let text = key.open(&short_nonce(b"CurveZMQINITIATE", counter), &mut sealed)?;
    if counter <= welcomed.hello_counter {
        return Err(Failure::Protocol(
            consts::ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE,
        ));
    }
    let mut text = Fields(text);
    let client: PublicKey = text.take();
    let nonce = long_nonce(b"VOUCH---", &text.take());
    let mut vouch: [u8; VOUCH] = text.take();
    let metadata = text.0;

    let vouched = SharedKey::new(&client, &welcomed.transient)?.open(&nonce, &mut vouch)?;
    let mut expected = [0; 64];
    expected[..32].copy_from_slice(&welcomed.client);
    expected[32..].copy_from_slice(&welcomed.secret_key.public_key());
    if !bool::from(vouched.ct_eq(&expected[..])) {
        return Err(Failure::Protocol(
            consts::ZMQ_PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE,
        ));
    }
    // libzmq has no event for bad metadata here.
    cx.learn(metadata).map_err(Failure::Quiet)?;
    Ok((client, Initiated { key, counter }))
}

impl Initiated {
    /// Sends READY.
    fn ready(self, cx: &Context, out: &mut Vec<u8>) -> Outcome<Server> {
        let mut metadata = Vec::new();
        metadata::write_local(&cx.local, &mut metadata)?;
        let mut command = READY.to_vec();
        command.extend_from_slice(&READY_COUNTER.to_be_bytes());
        let nonce = short_nonce(b"CurveZMQREADY---", READY_COUNTER);
        self.key.append(&nonce, &metadata, &mut command)?;
        frame::write(Flags::COMMAND, &command, out)?;
        let session = Session::new(Role::Server, self.key, READY_COUNTER + 1, self.counter);
        Ok(Next::Ready(Codec::Curve(Box::new(session))))
    }
}
