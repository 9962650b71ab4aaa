//! The routing ids of peers: which pipe has which, and which are made up here.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::Arc,
};

use super::{
    Pipes,
    hash::{Keys, random},
    pipes::slot,
};
use crate::{
    error::{Error, Result},
    memory,
    pipe::PipeId,
};

/// A routing id, of any size.
#[derive(Clone, Default, PartialEq, Eq)]
struct Name(Arc<Vec<u8>>);

impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// As that of the bytes.
impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_slice().hash(state);
    }
}

/// The pipes of ROUTER, REP and STREAM by routing id.
pub struct Routes {
    pipes: HashMap<Name, PipeId, Keys>,
    /// The routing id of each pipe that has one, by slot.
    ids: Vec<Name>,
    /// Whom the last message came from: mostly who is answered next.
    asker: Option<PipeId>,
    /// What the next pipe that is attached locally is called, if not empty.
    connect_id: Vec<u8>,
    /// What the next id is made up from.
    next: u32,
    made_up: Option<[u8; 5]>,
}

impl Routes {
    pub fn new() -> Routes {
        Routes {
            pipes: HashMap::default(),
            ids: Vec::new(),
            asker: None,
            connect_id: Vec::new(),
            next: random() as u32,
            made_up: None,
        }
    }

    /// Names the next pipe that is attached locally. EINVAL if it is empty, ENOMEM.
    pub fn set_connect_id(&mut self, routing_id: &[u8]) -> Result<()> {
        if routing_id.is_empty() {
            return Err(Error::EINVAL);
        }
        self.connect_id = memory::copied(routing_id)?;
        Ok(())
    }

    /// The name for a pipe that is attached locally, once, and unless another has it by now.
    pub fn take_connect_id(&mut self) -> Option<Vec<u8>> {
        let id = std::mem::take(&mut self.connect_id);
        (!id.is_empty() && !self.pipes.contains_key(&id[..])).then_some(id)
    }

    /// Makes up a routing id: a zero, and a number.
    pub fn make_up(&mut self) -> [u8; 5] {
        loop {
            let mut id = [0; 5];
            id[1..].copy_from_slice(&self.next.to_be_bytes());
            self.next = self.next.wrapping_add(1);
            if !self.pipes.contains_key(&id[..]) {
                self.made_up = Some(id);
                return id;
            }
        }
    }

    /// The routing id that was made up last, once.
    pub fn take_made_up(&mut self) -> Option<[u8; 5]> {
        self.made_up.take()
    }

    /// Gives a pipe its routing id, or another one. It is nobody else's. ENOMEM.
    pub fn set(&mut self, id: PipeId, routing_id: Vec<u8>) -> Result<()> {
        self.remove(id);
        if self.ids.len() <= slot(id) {
            self.ids.try_reserve(slot(id) + 1 - self.ids.len())?;
            self.ids.resize_with(slot(id) + 1, Name::default);
        }
        self.pipes.try_reserve(1)?;
        let name = Name(Arc::new(routing_id));
        self.ids[slot(id)] = name.clone();
        self.pipes.insert(name, id);
        Ok(())
    }

    /// Forgets a pipe.
    pub fn remove(&mut self, id: PipeId) {
        self.asker = self.asker.filter(|&asker| asker != id);
        if let Some(routing_id) = self.ids.get_mut(slot(id))
            && self.pipes.get(&*routing_id) == Some(&id)
        {
            self.pipes.remove(&*routing_id);
            *routing_id = Name::default();
        }
    }

    /// The pipe with a routing id.
    #[inline]
    pub fn find(&self, routing_id: &[u8]) -> Option<PipeId> {
        // The table would be cold where peers are many.
        let asker = self.asker.filter(|&id| self.id_of(id) == routing_id);
        asker.or_else(|| self.pipes.get(routing_id).copied())
    }

    /// The routing id of the pipe that a message comes from.
    #[inline]
    pub fn announce(&mut self, id: PipeId) -> &[u8] {
        self.asker = Some(id);
        self.id_of(id)
    }

    #[inline]
    fn id_of(&self, id: PipeId) -> &[u8] {
        self.ids.get(slot(id)).map_or(&[], |id| &id.0)
    }

    /// Whether any of the pipes has room. Those whose far end is gone count: a message to there is
    /// at once known to be for nobody.
    pub fn any_has_room(&self, pipes: &mut Pipes) -> bool {
        let mut ids = self.pipes.values();
        ids.any(|&id| {
            let end = pipes.get_mut(id);
            end.is_some_and(|end| end.is_closed() || end.is_writable())
        })
    }
}
