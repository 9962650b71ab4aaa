//! The handshake: from a connected descriptor to an engine (RFC 23, 37).

use super::*;

impl State {
    pub(super) fn begin_handshake(
        &mut self,
        session: &Arc<Session>,
        reactor: &mut Reactor,
        fd: OwnedFd,
    ) {
        (self.output, self.stalled, self.failed) = (Output::Open, false, None);
        if self.options.raw_transport {
            let engine = Engine::new(fd, Speech::Bare, Version::V1, Limit::NONE);
            let metadata = match self.metadata(engine.fd(), &Properties::default()) {
                Ok(metadata) => metadata,
                Err(error) => return self.lose(session, reactor, error),
            };
            let peer = Peer {
                routing_id: Vec::new(),
                metadata: Some(metadata),
            };
            return self.begin_steady(session, reactor, engine, peer, false, &[]);
        }
        let local = match self.local(&fd) {
            Ok(local) => local,
            Err(error) => return self.lose(session, reactor, error),
        };
        let mut out = Vec::new();
        let handshake = Handshake::new(local, &mut out);
        self.limit_handshake(session, reactor);
        let greeting = Greeting {
            fd,
            handshake: Some(handshake),
            out,
            out_at: 0,
            zap: None,
            refused: false,
        };
        self.phase = Phase::Greeting(Box::new(greeting));
        self.go_on_greeting(session, reactor);
    }

    pub(super) fn limit_handshake(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        if let Ok(timeout @ 1..) = u64::try_from(self.options.limits.handshake) {
            let after = Duration::from_millis(timeout);
            self.step_alarm = Some(reactor.set_alarm(session.clone(), Alarm::TooLong, after));
        }
    }

    /// What we bring to the handshake. ENOMEM.
    pub(super) fn local(&self, fd: &OwnedFd) -> Result<Local> {
        let options = &self.options;
        let security = &options.security;
        let mut local = Local::new(options.socket_type);
        local.routing_id = options.routing_id.to_vec();
        let properties = options.metadata.iter();
        local.metadata = properties
            .map(|(name, value)| Ok((name.to_vec(), memory::copied(value)?)))
            .collect::<Result<_>>()?;
        local.security = match (security.mechanism, security.server) {
            (Mechanism::Plain, true) => Security::PlainServer,
            (Mechanism::Plain, false) => Security::PlainClient {
                username: security.plain_username.to_vec(),
                password: security.plain_password.to_vec().into(),
            },
            (Mechanism::Curve, true) => Security::CurveServer {
                secret_key: (*security.curve_secret.bytes()).into(),
            },
            (Mechanism::Curve, false) => Security::CurveClient(ClientKeys {
                server: *security.curve_server.bytes(),
                public: *security.curve_public.bytes(),
                secret: (*security.curve_secret.bytes()).into(),
            }),
            (Mechanism::Null, _) => Security::Null,
        };
        local.zap_domain = security.zap_domain.to_vec();
        local.zap_enforce_domain = security.enforce_zap_domain;
        local.peer_address = peer_address(fd);
        local.limit = Limit::new(options.limits.max_message_size);
        Ok(local)
    }

    pub(super) fn go_on_greeting(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        let mut buffer = [0; 4096];
        for _ in 0..READ_TURNS {
            let Phase::Greeting(greeting) = &mut self.phase else {
                return;
            };
            match greeting.flush() {
                Ok(()) => {}
                Err(error) if socket::is_transient(error) => self.pause(session, reactor),
                Err(error) => return self.lose(session, reactor, error),
            }
            let Phase::Greeting(greeting) = &self.phase else {
                return;
            };
            let piece = libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: buffer.len(),
            };
            // SAFETY: the buffer is there to be written to.
            let bytes = match unsafe { socket::receive(greeting.fd.as_raw_fd(), &[piece]) } {
                Ok(Moved::Bytes(bytes)) => bytes,
                Ok(Moved::Blocked) => return self.watch_greeting(session, reactor),
                Ok(Moved::End) => return self.lose(session, reactor, Error::EPIPE),
                Err(error) => return self.lose(session, reactor, error),
            };
            self.hear(session, reactor, &buffer[..bytes]);
        }
        // There is more, perhaps, but others have their turn.
        self.watch_greeting(session, reactor);
    }

    fn watch_greeting(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        let Phase::Greeting(greeting) = &self.phase else {
            return;
        };
        let is_left = greeting.out_at < greeting.out.len();
        let write = is_left && self.output != Output::Paused;
        if let Err(error) = self.set_interest(session, Interest { read: true, write }) {
            self.lose(session, reactor, error);
        }
    }

    /// Takes in what the peer says in the handshake.
    pub(super) fn hear(&mut self, session: &Arc<Session>, reactor: &mut Reactor, mut input: &[u8]) {
        while !input.is_empty() {
            let Phase::Greeting(greeting) = &mut self.phase else {
                return;
            };
            // One that was refused may say what it likes.
            let Some(handshake) = greeting.handshake.take() else {
                return;
            };
            match handshake.on(input, &mut greeting.out) {
                Ok((step, taken)) => {
                    input = &input[taken..];
                    self.step(session, reactor, step, input);
                }
                Err(failure) => return self.refuse(session, reactor, failure),
            }
        }
    }

    pub(super) fn step(
        &mut self,
        session: &Arc<Session>,
        reactor: &mut Reactor,
        step: Step,
        rest: &[u8],
    ) {
        let Phase::Greeting(greeting) = &mut self.phase else {
            return;
        };
        match step {
            Step::More(handshake) => greeting.handshake = Some(handshake),
            Step::AskZap(handshake, request) => {
                self.ask_zap(session, reactor, handshake, request, rest);
            }
            Step::Refused(_, failure) => {
                greeting.refused = true;
                if let Some((event, value)) = failure.event() {
                    self.event(event, value);
                }
            }
            Step::Done(peer) => {
                let _ = greeting.flush();
                let fd = greeting.fd.as_raw_fd();
                let metadata = match self.metadata(fd, &peer.properties) {
                    Ok(metadata) => metadata,
                    Err(error) => return self.lose(session, reactor, error),
                };
                let Phase::Greeting(greeting) = std::mem::replace(&mut self.phase, Phase::Rest)
                else {
                    return;
                };
                reactor.cancel_alarm(self.step_alarm.take());
                if peer.version >= Version::V3_0 {
                    self.event(consts::ZMQ_EVENT_HANDSHAKE_SUCCEEDED, 0);
                }
                let limit = Limit::new(self.options.limits.max_message_size);
                let speech = match peer.codec {
                    Codec::Clear if !self.options.conflates() => Speech::Plain,
                    codec => Speech::Coded(codec),
                };
                let mut engine = Engine::new(greeting.fd, speech, peer.version, limit);
                if self.options.socket_type == SocketType::Req {
                    engine.expect_replies();
                }
                engine.drain_small_buffer(self.options.net.receive_buffer);
                if let Err(error) = engine.send_first(&greeting.out[greeting.out_at..]) {
                    self.failed = Some(error);
                }
                let known = Peer {
                    routing_id: peer.routing_id,
                    metadata: Some(metadata),
                };
                self.begin_steady(session, reactor, engine, known, peer.wants_everything, rest);
            }
        }
    }

    /// What messages of this connection can tell. ENOMEM.
    pub(super) fn metadata(&self, fd: RawFd, properties: &Properties) -> Result<MetadataRef> {
        // SAFETY: the descriptor is open: its owner is asking.
        let address = peer_address(&unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) });
        let known = (!address.is_empty()).then_some((&b"Peer-Address"[..], address.as_bytes()));
        let all = known.into_iter().chain(properties.iter());
        Ok(MetadataRef::new(Metadata::new(all, Some(fd))?))
    }

    /// The handshake has failed: no use to try again, unless there was no memory for it.
    pub(super) fn refuse(
        &mut self,
        session: &Arc<Session>,
        reactor: &mut Reactor,
        failure: Failure,
    ) {
        if failure == Failure::NO_MEMORY {
            return self.lose(session, reactor, Error::ENOMEM);
        }
        if let Phase::Greeting(greeting) = &mut self.phase {
            let _ = greeting.flush();
        }
        if let Some((event, value)) = failure.event() {
            self.event(event, value);
        }
        self.disconnected(reactor);
        self.refused = true;
        self.give_up(reactor);
    }

    pub(super) fn begin_steady(
        &mut self,
        session: &Arc<Session>,
        reactor: &mut Reactor,
        mut engine: Engine,
        peer: Peer,
        wants_everything: bool,
        rest: &[u8],
    ) {
        let mut new = None;
        if self.ends.is_none() {
            if self.socket_closed {
                return self.finish(reactor);
            }
            new = Some(self.make_pipe(session.clone()));
        }
        if let Some(ends) = &mut self.ends {
            // All that a peer that can't subscribe says of its wishes. It goes before anything else of that
            // peer, and is there when the socket attaches a new pipe, so that no message is missed.
            let subscribed = ends
                .tx
                .peer(Arc::new(peer))
                .and_then(|()| match wants_everything {
                    true => ends.tx.subscription(true, &[]),
                    false => Ok(()),
                });
            let mut wake = ends.tx.publish();
            if let (Some(end), Some(owner)) = (new, &self.owner) {
                owner.inbox.push(Event::Attach(Box::new(end)));
                if let Some(host) = &owner.host {
                    reactor.introduce(host.clone());
                }
            }
            let taken = subscribed.and_then(|()| engine.take_in(&mut ends.tx, rest));
            wake |= ends.tx.publish();
            if wake {
                self.door.readable(Eagerness::Few(1));
            }
            if let Err(error) = taken {
                self.failed = Some(error);
            }
        }
        if std::mem::take(&mut self.hiccups) {
            self.door.hiccup();
        }
        self.notify();
        self.phase = Phase::Steady(Box::new(engine));
        self.flusher = Flusher::new(Instant::now());
        self.write(session);
        self.read(session);
        self.begin_heartbeat(session, reactor);
        self.settle(session, reactor);
    }

    /// Tells the socket of a bare connection that begins or ends, by an empty message
    /// (`ZMQ_STREAM_NOTIFY`).
    pub(super) fn notify(&mut self) {
        if self.options.raw_transport
            && self.options.stream.notify
            && let Some(ends) = &mut self.ends
        {
            // Without memory for it there is nobody to be told of that.
            let _ = ends.tx.write(false, &mut Source::Bytes(&[]));
            if ends.tx.publish() {
                self.door.readable(Eagerness::Few(1));
            }
        }
    }
}

impl Greeting {
    /// Writes what is to be written, as far as the descriptor takes it.
    fn flush(&mut self) -> Result<()> {
        while self.out_at < self.out.len() {
            match socket::send_bytes(self.fd.as_raw_fd(), &self.out[self.out_at..])? {
                Moved::Bytes(bytes) => self.out_at += bytes,
                Moved::Blocked | Moved::End => break,
            }
        }
        Ok(())
    }
}

/// Where the peer is, as messages and the ZAP handler are told; empty if unknown.
fn peer_address(fd: &impl AsFd) -> String {
    tcp::peer_address(fd)
        .or_else(|| {
            let peer = ipc::credentials(fd)?;
            Some(format!("localhost:{}:{}:{}", peer.uid, peer.gid, peer.pid))
        })
        .unwrap_or_default()
}
