use std::{
    ffi::c_void,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::*;

#[test]
fn bodies_of_all_sizes_keep_their_bytes() {
    for size in [0, 1, INLINE_MAX, INLINE_MAX + 1, 10_000] {
        let bytes: Vec<u8> = (0..size).map(|i| i as u8).collect();
        let mut message = Message::copy_of(&bytes).unwrap();
        let copy = message.duplicate();
        assert_eq!(message.is_shared(), size > INLINE_MAX);
        let moved = message.take();
        assert_eq!((message.size(), moved.size()), (0, size));
        drop(moved);
        assert_eq!(copy.bytes(), bytes);
    }
}

#[test]
fn a_part_of_a_vector_is_a_body() {
    let mut message = Message::of_vec((0..100).collect(), 33..99).unwrap();
    let mut copy = message.duplicate();
    drop(message);
    assert_eq!(copy.bytes(), (33..99).collect::<Vec<u8>>());
    copy.close().unwrap();
}

#[test]
fn closed_and_zeroed_memory_is_no_message() {
    let mut message = Message::copy_of(&[7; 100]).unwrap();
    assert_eq!(message.close(), Ok(()));
    assert_eq!(message.close(), Err(Error::EFAULT));
}

#[test]
fn absurd_sizes_are_enomem() {
    assert_eq!(Message::with_size(usize::MAX).err(), Some(Error::ENOMEM));
    assert_eq!(
        Message::with_size(usize::MAX - 100).err(),
        Some(Error::ENOMEM)
    );
}

#[test]
fn a_foreign_body_is_freed_once_when_its_last_owner_is_about_to_go() {
    unsafe extern "C-unwind" fn count(_: *mut c_void, hint: *mut c_void) {
        // SAFETY: the hint given below.
        unsafe { &*hint.cast::<AtomicUsize>() }.fetch_add(1, Ordering::Relaxed);
    }
    let freed = AtomicUsize::new(0);
    let mut data = [1u8, 2, 3];
    let hint = (&raw const freed).cast_mut().cast();
    // SAFETY: `data` outlives the message.
    let mut message = unsafe { Message::foreign(data.as_mut_ptr(), 3, Some(count), hint) }.unwrap();
    let copies: Vec<Message> = (0..10).map(|_| message.duplicate()).collect();
    let threads: Vec<_> = copies
        .into_iter()
        .map(|copy| std::thread::spawn(move || assert_eq!(copy.bytes(), [1, 2, 3])))
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    message.close().unwrap();
    assert_eq!(freed.load(Ordering::Relaxed), 0);
    drop_spent();
    assert_eq!(freed.load(Ordering::Relaxed), 1);
}

/// The memory of a message that is received into again and again is used again, unless somebody else sees it.
#[test]
fn a_body_of_the_same_size_is_used_again() {
    let mut message = Message::copy_of(&[1; 100]).unwrap();
    let memory = message.data();
    message.copy_from(&[2; 100], true, || None).unwrap();
    assert_eq!(message.data(), memory);
    assert!(message.more() && message.bytes() == [2; 100]);
    let copy = message.duplicate();
    message.copy_from(&[3; 100], false, || None).unwrap();
    assert_eq!(
        (copy.bytes(), message.bytes()),
        (&[2; 100][..], &[3; 100][..])
    );
    assert!(!message.is_shared());
    message.copy_from(&[4; 99], false, || None).unwrap();
    assert_eq!(message.bytes(), [4; 99]);
}
