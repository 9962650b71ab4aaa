//! What tests and fuzzing check each time when something is published: that it ends where it says, and that each mark has a
//! value beside the bytes.

use super::segment::{Link, Segment};
use crate::frame::Record;

/// How many marks were published.
#[derive(Default)]
pub struct Audit {
    marks: u64,
}

impl Audit {
    /// Walks over what is going to be published: so many bytes from there on, with so many values in all beside them.
    pub fn walk(
        &mut self,
        (mut segment, mut offset): (Option<Link>, usize),
        size: u64,
        values: u64,
    ) {
        let mut left = size as usize;
        while left > 0 {
            let at = segment.expect("a segment with what is published");
            // SAFETY: alive: what isn't published is the writer's own.
            let head = unsafe { at.as_ref() };
            if offset == head.end() {
                (segment, offset) = (head.next(), 0);
                continue;
            }
            let here = left.min(head.end().min(head.capacity()) - offset);
            // SAFETY: within what was accepted, which only the writer looks at before it is published.
            let bytes = unsafe { Segment::bytes(at, offset, here) };
            let (record, len) = Record::first(bytes).expect("a whole record");
            self.marks += u64::from(record == Record::Aside);
            (offset, left) = (offset + len, left - len);
        }
        assert_eq!(self.marks, values, "marks and values");
    }
}
