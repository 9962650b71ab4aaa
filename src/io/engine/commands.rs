//! The commands of a peer's, and what of them is in the pipe: subscriptions, which count as messages do.
//!
//! The others are obeyed and leave nothing behind, or a peer could have us keep any number of them.

use super::{ENCODE_MAX, Engine};
use crate::{
    error::Result,
    message::Source,
    pipe::{Flags, Tx},
    zmtp::{Command, Header, frame},
};

impl Engine {
    /// Handles a command where it stands, and makes it a record that is passed over. False for a subscription, which is
    /// for the pipe's reader.
    pub(super) fn skip(&mut self, tx: &mut Tx, header: &Header) -> bool {
        let size = header.frame_len();
        let frame = &mut tx.queue().staged()[..size];
        let command = Command::parse(&frame[header.header_len..]).ok();
        if let Some(Command::Subscribe(_) | Command::Cancel(_)) = command
            && !self.inside
        {
            return false;
        }
        self.obey(command);
        let frame = &mut tx.queue().staged()[..size];
        frame[0] = Flags::SKIP | (frame[0] & Flags::LONG);
        // SAFETY: a whole frame.
        unsafe { tx.queue().accept(size) };
        true
    }

    /// Makes a subscription what the pipe has for it.
    pub(super) fn subscribe(&mut self, tx: &mut Tx, header: &Header) {
        let size = header.frame_len();
        let frame = &mut tx.queue().staged()[..size];
        let (flag, topic) = match Command::parse(&frame[header.header_len..]) {
            Ok(Command::Subscribe(topic)) => (Flags::SUBSCRIBE, topic.len()),
            Ok(Command::Cancel(topic)) => (Flags::CANCEL, topic.len()),
            _ => return,
        };
        // The topic stays where it is. Before it comes its new head, and before that what
        // is left of the command's name, as a frame to be passed over.
        let head = if topic <= 255 { 2 } else { frame::MAX_HEADER };
        let skip = size - topic - head;
        frame[0] = Flags::SKIP;
        frame[1] = (skip - 2) as u8;
        frame[skip] = flag;
        if head == 2 {
            frame[skip + 1] = topic as u8;
        } else {
            frame[skip] |= Flags::LONG;
            frame[skip + 1..skip + 9].copy_from_slice(&(topic as u64).to_be_bytes());
        }
        // SAFETY: two whole records.
        unsafe { tx.queue().accept(size) };
        tx.end_message();
    }

    /// Does as a command says. The pipe gets only subscriptions.
    pub(super) fn deliver_command(&mut self, tx: &mut Tx, body: &[u8]) -> Result<()> {
        // Within a message a subscription makes no sense, and would end it.
        match Command::parse(body) {
            Ok(Command::Subscribe(topic)) if !self.inside => {
                tx.write(Flags::SUBSCRIBE, &mut Source::Bytes(topic))
            }
            Ok(Command::Cancel(topic)) if !self.inside => {
                tx.write(Flags::CANCEL, &mut Source::Bytes(topic))
            }
            command => {
                self.obey(command.ok());
                Ok(())
            }
        }
    }

    fn obey(&mut self, command: Option<Command>) {
        if let Some(Command::Ping { ttl, context }) = command {
            self.ttl = Some(ttl);
            // A peer that asks and never listens gets no more answers than fit here.
            if self.out.len() < ENCODE_MAX {
                let context = context.to_vec();
                self.command(&Command::Pong { context: &context });
            }
        }
    }
}
