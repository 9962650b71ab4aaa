//! zmq_msg_init(3) and its siblings, but for those that send and receive.

use std::{ffi::c_int, ptr};

use capi_tests::api::{Library, Message};

use super::{BAD, Case, bad, case, null};

/// Memory in which there is no message.
fn none() -> Message {
    Message([0; 64])
}

/// An empty message.
fn empty(library: &'static Library) -> Message {
    let mut message = none();
    call!(library, msg_init(&mut message));
    message
}

const MORE: c_int = 1;
const SRCFD: c_int = 2;

pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("msg", |library| {
            let (mut one, mut other) = (empty(library), none());
            call!(library, msg_init_size(&mut other, 100));
            call!(library, msg_copy(&mut one, &mut other));
            call!(library, msg_size(&one));
            call!(library, msg_move(&mut one, &mut other));
            call!(library, msg_size(&one));
            call!(library, msg_size(&other));
            call!(library, msg_data(&mut one));
            call!(library, msg_more(&one));
            for property in [MORE, SRCFD, -1] {
                call!(library, msg_get(&one, property));
                call!(library, msg_set(&mut one, property, 0));
            }
            call!(library, msg_gets(&one, c"Socket-Type".as_ptr()));
            call!(library, msg_close(&mut one));
            call!(library, msg_close(&mut other));
            // Both are none any more.
            call!(library, msg_close(&mut one));
            call!(library, msg_move(&mut one, &mut other));
            call!(library, msg_copy(&mut one, &mut other));
        }),
        case("msg_gets null", |library| {
            call!(library, msg_gets(&empty(library), ptr::null()));
        }),
        case("msg_init null", |library| {
            call!(library, msg_init(null()));
        }),
        case("msg_init_size null", |library| {
            call!(library, msg_init_size(null(), 1));
        }),
        case("msg_init_size too large", |library| {
            for size in [usize::MAX / 2, usize::MAX] {
                call!(library, msg_init_size(&mut none(), size));
            }
        }),
        case("msg_init_data", |library| {
            let mut message = none();
            let body = c"constant".as_ptr().cast_mut().cast();
            call!(library, msg_init_data(&mut message, body, 8, None, null()));
            call!(library, msg_size(&message));
            call!(library, msg_close(&mut message));
            call!(
                library,
                msg_init_data(&mut message, null(), 0, None, null())
            );
            call!(library, msg_close(&mut message));
        }),
        case("msg_init_data null", |library| {
            call!(library, msg_init_data(null(), null(), 0, None, null()));
        }),
    ];
    for what in BAD {
        cases.extend([
            case(format!("msg_close {what}"), move |library| {
                call!(library, msg_close(bad(what)));
            }),
            case(format!("msg_move from {what}"), move |library| {
                call!(library, msg_move(&mut empty(library), bad(what)));
            }),
            case(format!("msg_move to {what}"), move |library| {
                call!(library, msg_move(bad(what), &mut empty(library)));
            }),
            case(format!("msg_copy from {what}"), move |library| {
                call!(library, msg_copy(&mut empty(library), bad(what)));
            }),
            case(format!("msg_copy to {what}"), move |library| {
                call!(library, msg_copy(bad(what), &mut empty(library)));
            }),
            case(format!("msg_data {what}"), move |library| {
                call!(library, msg_data(bad(what)));
            }),
            case(format!("msg_size {what}"), move |library| {
                call!(library, msg_size(bad(what)));
            }),
            case(format!("msg_more {what}"), move |library| {
                call!(library, msg_more(bad(what)));
            }),
            case(format!("msg_get {what}"), move |library| {
                call!(library, msg_get(bad(what), MORE));
            }),
            case(format!("msg_set {what}"), move |library| {
                call!(library, msg_set(bad(what), MORE, 0));
            }),
            case(format!("msg_gets {what}"), move |library| {
                call!(library, msg_gets(bad(what), c"Socket-Type".as_ptr()));
            }),
        ]);
    }
    cases
}
