//! Socket options: one table row for each.

mod socket_type;

pub use socket_type::SocketType;
