//! Whole conversations: a raw peer over TCP or a Unix domain socket, an application, and the model of what must come of it.

use std::cell::RefCell;

use conversations::{
    choices::Choices,
    generate::generate,
    model,
    run::{Outcome, run},
};

use crate::library::Host;

/// How many conversations are held in one context.
const ROUND: usize = 200;

thread_local! {
    static HOST: RefCell<(usize, Option<Host>)> = const { RefCell::new((0, None)) };
}

/// A conversation drawn from the octets comes to what the model says.
pub fn conversations(octets: &[u8]) {
    let conversation = generate(&mut Choices::Octets(octets));
    let (mut outcome, events) = HOST.with_borrow_mut(|(held, host)| {
        *held += 1;
        if *held % ROUND == 0 {
            *host = None;
        }
        run(host.get_or_insert_with(Host::new), &conversation)
    });
    if let Some(mut expected) = model::expect(&conversation, &events, outcome.closed) {
        model::canonical(&conversation, &mut outcome);
        model::canonical(&conversation, &mut expected);
        let differences = model::compare(&expected, &outcome);
        let show = |outcome: &Outcome| outcome.lines().join("\n    ");
        assert!(
            differences.is_empty() && outcome.trouble.is_empty(),
            "{conversation}differs from the model: {differences:?}\nit came to:\n    {}\nthe model says:\n    {}",
            show(&outcome),
            show(&expected),
        );
    }
}
