//! Sockets of zmq_ipc(7): opening, connecting, listening, and who may come in.

use std::{
    ffi::{CStr, CString, OsStr},
    fs, mem,
    os::{
        fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::PathBuf,
};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use crate::{
    endpoint::{Endpoint, IpcEndpoint},
    error::{Error, Result},
    memory,
    options::{AcceptFilters, Options},
};

fn open() -> Result<Socket> {
    Ok(Socket::new(
        Domain::UNIX,
        Type::STREAM.nonblocking().cloexec(),
        None,
    )?)
}

fn address(endpoint: &IpcEndpoint) -> Result<SockAddr> {
    let name = endpoint.socket_name()?;
    // SAFETY: a sockaddr_un of zeros is a valid value.
    let mut address: libc::sockaddr_un = unsafe { mem::zeroed() };
    address.sun_family = libc::AF_UNIX as _;
    if name.len() > address.sun_path.len() {
        return Err(Error::ENAMETOOLONG);
    }
    for (to, from) in address.sun_path.iter_mut().zip(&name) {
        *to = *from as _;
    }
    let size = mem::offset_of!(libc::sockaddr_un, sun_path) + name.len();
    // SAFETY: a sockaddr_un fits into a storage, and `size` is how much of it is used.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, len| {
            storage.cast::<libc::sockaddr_un>().write(address);
            *len = size as _;
            Ok(())
        })
    }?;
    Ok(address)
}

/// Begins to connect. True if it is done already. As libzmq's, a full backlog is tried again.
pub fn connect(endpoint: &IpcEndpoint) -> Result<(OwnedFd, bool)> {
    let socket = open()?;
    match socket.connect(&address(endpoint)?).map_err(Error::from) {
        Ok(()) => Ok((socket.into(), true)),
        Err(error) => Err(error),
    }
}

/// What a listener leaves in the file system, to be removed when it is closed.
#[derive(Debug, Default)]
pub struct Leftover {
    /// Only a wildcard's file is removed: others' may be in use by a successor already.
    directory: Option<PathBuf>,
    file: Option<PathBuf>,
}

impl Leftover {
    /// Removes it. ENOENT and the like if somebody else did.
    pub fn remove(&mut self) -> Result<()> {
        if let Some(directory) = self.directory.take() {
            if let Some(file) = self.file.take() {
                fs::remove_file(file)?;
            }
            fs::remove_dir(directory)?;
        }
        Ok(())
    }
}

/// Listens. Returns the descriptor, the endpoint as `ZMQ_LAST_ENDPOINT` tells it, and what is to
/// be removed at the end.
pub fn listen(endpoint: &IpcEndpoint, options: &Options) -> Result<(OwnedFd, String, Leftover)> {
    if options.net.use_fd >= 0 {
        // SAFETY: with `ZMQ_USE_FD` the program has given the descriptor to the library.
        let fd = unsafe { OwnedFd::from_raw_fd(options.net.use_fd) };
        SockRef::from(&fd).set_nonblocking(true)?;
        let name = local_name(&fd).unwrap_or_else(|| Endpoint::Ipc(endpoint.clone()).to_string());
        return Ok((fd, name, Leftover::default()));
    }
    let mut leftover = Leftover::default();
    let endpoint = if endpoint.is_wildcard() {
        let directory = temporary_directory()?;
        let file = directory.join("socket");
        let endpoint = IpcEndpoint::new(file.as_os_str().as_bytes());
        leftover = Leftover {
            directory: Some(directory),
            file: Some(file),
        };
        endpoint
    } else {
        endpoint.clone()
    };
    let bound = bind(&endpoint, options);
    if bound.is_err() {
        let _ = leftover.remove();
    }
    Ok((bound?, Endpoint::Ipc(endpoint).to_string(), leftover))
}

fn bind(endpoint: &IpcEndpoint, options: &Options) -> Result<OwnedFd> {
    if !endpoint.is_abstract() {
        // What an earlier run has left would be in the way.
        let _ = fs::remove_file(OsStr::from_bytes(endpoint.path()));
    }
    let address = address(endpoint)?;
    let socket = open()?;
    socket.bind(&address)?;
    socket.listen(options.net.backlog)?;
    Ok(socket.into())
}

/// A fresh directory for the file of `ipc://*`, where $TMPDIR and its kin say, else here.
fn temporary_directory() -> Result<PathBuf> {
    let place = ["TMPDIR", "TEMPDIR", "TMP"]
        .into_iter()
        .filter_map(std::env::var_os)
        .find(|place| fs::metadata(place).is_ok_and(|found| found.is_dir()));
    let template = place.map_or(PathBuf::from("tmpXXXXXX"), |place| {
        PathBuf::from(place).join("tmpXXXXXX")
    });
    let template = CString::new(template.into_os_string().into_vec()).map_err(|_| Error::EINVAL)?;
    let raw = template.into_raw();
    // SAFETY: a C string of ours, in which mkdtemp writes over the last six characters.
    unsafe {
        let made = !libc::mkdtemp(raw).is_null();
        let error = Error::last();
        let path = CString::from_raw(raw);
        if !made {
            return Err(error);
        }
        Ok(PathBuf::from(OsStr::from_bytes(path.as_bytes())))
    }
}

/// Accepts a connection, if there is one that may come in. Fails as accept(2) does; EACCES if
/// a filter keeps it out.
pub fn accept(listener: &OwnedFd, options: &Options) -> Result<OwnedFd> {
    let (socket, _) = SockRef::from(listener).accept()?;
    socket.set_nonblocking(true)?;
    let fd: OwnedFd = socket.into();
    match &options.filters {
        Some(filters) if !is_welcome(&fd, filters) => Err(Error::EACCES),
        _ => Ok(fd),
    }
}

/// The process, user and group at the other side.
pub fn credentials(fd: &impl AsFd) -> Option<libc::ucred> {
    // SAFETY: a ucred of zeros is a valid value, and there is room for one.
    unsafe {
        let mut credentials: libc::ucred = mem::zeroed();
        let mut size = size_of::<libc::ucred>() as libc::socklen_t;
        let to = (&raw mut credentials).cast();
        let done = libc::getsockopt(
            fd.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            to,
            &mut size,
        );
        (done == 0).then_some(credentials)
    }
}

fn is_welcome(fd: &OwnedFd, filters: &AcceptFilters) -> bool {
    if filters.uids.is_empty() && filters.gids.is_empty() && filters.pids.is_empty() {
        return true;
    }
    credentials(fd).is_some_and(|peer| {
        filters.uids.contains(&peer.uid)
            || filters.gids.contains(&peer.gid)
            || filters.pids.contains(&peer.pid)
            || filters.gids.iter().any(|&gid| is_member(peer.uid, gid))
    })
}

/// Whether the user is one that the group database lists as a member of the group.
fn is_member(uid: libc::uid_t, gid: libc::gid_t) -> bool {
    let (Ok(mut buffer), Ok(mut group_buffer)) =
        (memory::zeroed(16 * 1024), memory::zeroed(64 * 1024))
    else {
        return false;
    };
    // SAFETY: the structures are filled in by the calls and point into the buffers.
    unsafe {
        let (mut user, mut found): (libc::passwd, _) = (mem::zeroed(), std::ptr::null_mut());
        libc::getpwuid_r(
            uid,
            &mut user,
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            &mut found,
        );
        if found.is_null() {
            return false;
        }
        let (mut group, mut found): (libc::group, _) = (mem::zeroed(), std::ptr::null_mut());
        libc::getgrgid_r(
            gid,
            &mut group,
            group_buffer.as_mut_ptr().cast(),
            group_buffer.len(),
            &mut found,
        );
        if found.is_null() {
            return false;
        }
        let mut member = group.gr_mem;
        while !(*member).is_null() {
            if CStr::from_ptr(*member) == CStr::from_ptr(user.pw_name) {
                return true;
            }
            member = member.add(1);
        }
    }
    false
}

/// The name of the socket's own end.
fn local_name(fd: &OwnedFd) -> Option<String> {
    let address = SockRef::from(fd).local_addr().ok()?;
    let path = address.as_pathname()?;
    Some(Endpoint::Ipc(IpcEndpoint::new(path.as_os_str().as_bytes())).to_string())
}
