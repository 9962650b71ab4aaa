//! The peer's own cryptography, so that what is tested is what is in its boxes.

use dryoc::classic::{
    crypto_box::{
        crypto_box_beforenm, crypto_box_detached_afternm_inplace,
        crypto_box_open_detached_afternm_inplace,
    },
    crypto_core::crypto_scalarmult_base,
};

/// A key, public or secret or shared.
pub type Key = [u8; 32];

/// How many octets a box has more than what is in it.
const TAG: usize = 16;

/// The public key that belongs to a secret one.
pub fn public(secret: &Key) -> Key {
    let mut public = [0; 32];
    crypto_scalarmult_base(&mut public, secret);
    public
}

/// What two sides share; zeros with a key that is of low order.
pub fn shared(public: &Key, secret: &Key) -> Key {
    crypto_box_beforenm(public, secret).unwrap_or_default()
}

/// A nonce of those commands that come once.
pub fn long_nonce(prefix: &[u8; 8], rest: &[u8; 16]) -> [u8; 24] {
    std::array::from_fn(|i| if i < 8 { prefix[i] } else { rest[i - 8] })
}

/// A nonce of those commands that are numbered.
pub fn short_nonce(prefix: &[u8; 16], counter: u64) -> [u8; 24] {
    let counter = counter.to_be_bytes();
    std::array::from_fn(|i| if i < 16 { prefix[i] } else { counter[i - 16] })
}

/// A box with this text.
pub fn seal(key: &Key, nonce: &[u8; 24], text: &[u8]) -> Vec<u8> {
    let mut sealed = [&[0; TAG], text].concat();
    let (tag, text) = sealed.split_first_chunk_mut().expect("a tag");
    crypto_box_detached_afternm_inplace(text, tag, nonce, key);
    sealed
}

/// What is in a box, if it is genuine.
pub fn open(key: &Key, nonce: &[u8; 24], sealed: &[u8]) -> Option<Vec<u8>> {
    let (tag, text) = sealed.split_first_chunk()?;
    let mut text = text.to_vec();
    crypto_box_open_detached_afternm_inplace(&mut text, tag, nonce, key).ok()?;
    Some(text)
}
