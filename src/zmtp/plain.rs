//! The PLAIN mechanism (RFC 24): a username and a password in clear, checked by the server's ZAP handler.
//!
//! ```text
//! client: HELLO             INITIATE
//! server:          WELCOME             READY
//! ```
//! or ERROR in place of either of the server's.

use super::{
    Codec, Failure, Flags, frame,
    mechanism::{
        Context, ERROR, Next, Outcome, Verdict, check_name, error_received, invalid_metadata,
        write_error, write_metadata_command,
    },
    zap::{Request, Status},
};
use crate::{consts, error::Error};

const HELLO: &[u8] = b"\x05HELLO";
const WELCOME: &[u8] = b"\x07WELCOME";
const INITIATE: &[u8] = b"\x08INITIATE";
const READY: &[u8] = b"\x05READY";

/// How far the client's handshake is.
pub enum Client {
    /// HELLO is out.
    AwaitWelcome,
    /// INITIATE is out.
    AwaitReady,
}

impl Client {
    pub fn start(username: &[u8], password: &[u8], out: &mut Vec<u8>) -> Result<Client, Failure> {
        let mut command = zeroize::Zeroizing::new(Vec::with_capacity(HELLO.len() + 2 * 256));
        command.extend_from_slice(HELLO);
        for field in [username, password] {
            let field = &field[..field.len().min(255)];
            command.push(field.len() as u8);
            command.extend_from_slice(field);
        }
        frame::write(Flags::COMMAND, &command, out)?;
        Ok(Client::AwaitWelcome)
    }

    pub fn on(self, command: &[u8], cx: &mut Context, out: &mut Vec<u8>) -> Outcome<Client> {
        if let Some(rest) = command.strip_prefix(WELCOME) {
            match self {
                Client::AwaitReady => Err(Failure::UNEXPECTED_COMMAND),
                Client::AwaitWelcome if !rest.is_empty() => Err(Failure::Protocol(
                    consts::ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_WELCOME,
                )),
                Client::AwaitWelcome => {
                    write_metadata_command(INITIATE, &cx.local, out)?;
                    Ok(Next::Wait(Client::AwaitReady))
                }
            }
        } else if let Some(metadata) = command.strip_prefix(READY) {
            match self {
                Client::AwaitWelcome => Err(Failure::UNEXPECTED_COMMAND),
                Client::AwaitReady => match cx.learn(metadata) {
                    Ok(()) => Ok(Next::Ready(Codec::Clear)),
                    Err(error) => Err(invalid_metadata(error)),
                },
            }
        } else if let Some(reason) = command.strip_prefix(ERROR) {
            Err(error_received(reason))
        } else {
            Err(Failure::UNEXPECTED_COMMAND)
        }
    }
}

/// How far the server's handshake is.
pub enum Server {
    /// Nothing has come.
    Hello,
    /// The ZAP handler was asked.
    Asking,
    /// WELCOME is out.
    AwaitInitiate,
    /// The client was turned down.
    Denied,
}

impl Server {
    pub fn on(self, command: &[u8], cx: &mut Context, out: &mut Vec<u8>) -> Outcome<Server> {
        match self {
            Server::Hello => {
                check_name(command)?;
                let fields = command
                    .strip_prefix(HELLO)
                    .ok_or(Failure::UNEXPECTED_COMMAND)?;
                let (username, password) = credentials(fields).ok_or(Failure::Protocol(
                    consts::ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO,
                ))?;
                // libzmq aborts here: PLAIN makes no sense without a handler to ask.
                if cx.local.zap_enforce_domain && cx.local.zap_domain.is_empty() {
                    return Err(Failure::NoDetail(Error::EFAULT));
                }
                let request = Request::new(&cx.local, b"PLAIN", &[username, password])?;
                Ok(Next::AskZap(Server::Asking, request))
            }
            Server::AwaitInitiate => {
                let metadata = command
                    .strip_prefix(INITIATE)
                    .ok_or(Failure::UNEXPECTED_COMMAND)?;
                // libzmq has no event for bad metadata here.
                cx.learn(metadata).map_err(Failure::Quiet)?;
                write_metadata_command(READY, &cx.local, out)?;
                Ok(Next::Ready(Codec::Clear))
            }
            Server::Asking | Server::Denied => Err(Failure::Protocol(
                consts::ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED,
            )),
        }
    }

    pub fn on_zap(self, verdict: Verdict, out: &mut Vec<u8>) -> Outcome<Server> {
        match (self, verdict) {
            (Server::Asking, Verdict::NoHandler) => Err(Failure::NoDetail(Error::EFAULT)),
            (Server::Asking, Verdict::Status(Status::Success)) => {
                frame::write(Flags::COMMAND, WELCOME, out)?;
                Ok(Next::Wait(Server::AwaitInitiate))
            }
            (Server::Asking, Verdict::Status(status)) => {
                if status != Status::TemporaryError {
                    write_error(status, out)?;
                }
                Ok(Next::Refuse(
                    Server::Denied,
                    Failure::Denied(status.number()),
                ))
            }
            _ => Err(Failure::Quiet(Error::EFSM)),
        }
    }
}

/// The username and the password in what follows HELLO's name; nothing may come after them.
fn credentials(fields: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&username_len, rest) = fields.split_first()?;
    let (username, rest) = rest.split_at_checked(username_len.into())?;
    let (&password_len, password) = rest.split_first()?;
    (password.len() == usize::from(password_len)).then_some((username, password))
}
