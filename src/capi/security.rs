//! Z85 and the keys of CURVE: zmq_z85_encode(3), zmq_z85_decode(3), zmq_curve_keypair(3), zmq_curve_public(3).

use std::{
    ffi::{CStr, c_char, c_int},
    ptr, slice,
};

use zeroize::Zeroizing;

use super::guard::guard;
use crate::{
    error::{Error, Result},
    z85,
    zmtp::curve::SecretKey,
};

/// Encodes bytes, a multiple of 4, as text in Z85.
///
/// # Parameters
/// - `dest_`: where the text goes: 5 characters for each 4 bytes, and a zero byte. It may be the
///   memory of the data. Null is refused.
/// - `data_`: the bytes. Null is allowed if there are none.
/// - `size_`: how many bytes, a multiple of 4.
///
/// # Returns
/// `dest_`, or null on failure.
///
/// # Errors
/// - `EINVAL`: `size_` is no multiple of 4.
/// - `EFAULT`: `dest_` is null, or `data_` is null and `size_` is not 0.
/// - `ENOMEM`: there is no memory for the text.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: any thread may call it at any time.
///
/// # Source
/// zmq_z85_encode(3). RFC 32.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_z85_encode(
    dest_: *mut c_char,
    data_: *const u8,
    size_: usize,
) -> *mut c_char {
    guard(|| {
        if !size_.is_multiple_of(4) {
            return Err(Error::EINVAL);
        }
        if dest_.is_null() || (data_.is_null() && size_ > 0) {
            return Err(Error::EFAULT);
        }
        let data = if size_ == 0 {
            &[]
        } else {
            // SAFETY: not null, so the caller gives that many bytes.
            unsafe { slice::from_raw_parts(data_, size_) }
        };
        let text = z85::encode(data)?;
        // SAFETY: the caller gives room for the text and its end; `data`, which it may overlap, is read no more.
        unsafe {
            ptr::copy_nonoverlapping(text.as_ptr().cast(), dest_, text.len());
            *dest_.add(text.len()) = 0;
        }
        Ok(dest_)
    })
}

/// Decodes text in Z85, a multiple of 5 characters, to bytes.
///
/// # Parameters
/// - `dest_`: where the bytes go: 4 for each 5 characters. It may be the memory of the text. Null
///   is refused.
/// - `string_`: the text, which ends in a zero byte: a multiple of 5 characters, and at least 5.
///   Null is refused.
///
/// # Returns
/// `dest_`, or null on failure.
///
/// # Errors
/// - `EINVAL`: the text is empty, its length is no multiple of 5, a character is none of Z85, or
///   five are more than 4 bytes hold.
/// - `EFAULT`: `dest_` or `string_` is null.
/// - `ENOMEM`: there is no memory for the bytes.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: any thread may call it at any time.
///
/// # Source
/// zmq_z85_decode(3). RFC 32.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_z85_decode(dest_: *mut u8, string_: *const c_char) -> *mut u8 {
    guard(|| {
        if string_.is_null() {
            return Err(Error::EFAULT);
        }
        // SAFETY: not null, so the caller gives a string.
        let bytes = z85::decode(unsafe { CStr::from_ptr(string_) }.to_bytes())?;
        if dest_.is_null() {
            return Err(Error::EFAULT);
        }
        // SAFETY: the caller gives room for the bytes; the string, which it may overlap, is read no more.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), dest_, bytes.len()) };
        Ok(dest_)
    })
}

/// Makes a pair of CURVE keys, each 40 characters of Z85 and a zero byte.
///
/// # Parameters
/// - `z85_public_key_`: where the public key goes, with room for 41 characters. Null is refused.
/// - `z85_secret_key_`: where the secret key goes, with room for 41 characters. Null is refused.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: one of the two is null.
/// - `ENOMEM`: there is no memory for the text.
///
/// Other errors of getrandom(2) are passed on as they are.
///
/// # Blocking
/// It waits while the system has no random numbers yet, which can be just after it was started.
///
/// # Thread safety
/// Safe: any thread may call it at any time.
///
/// # Source
/// zmq_curve_keypair(3), zmq_curve(7). RFC 26 and 32.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_curve_keypair(
    z85_public_key_: *mut c_char,
    z85_secret_key_: *mut c_char,
) -> c_int {
    guard(|| {
        if z85_public_key_.is_null() || z85_secret_key_.is_null() {
            return Err(Error::EFAULT);
        }
        let secret = SecretKey::generate()?;
        // SAFETY: not null, so the caller gives room for 41 characters each.
        unsafe {
            put_key(z85_public_key_, &secret.public_key())?;
            put_key(z85_secret_key_, &secret)?;
        }
        Ok(0)
    })
}

/// Derives the public key of a secret one, both 40 characters of Z85 and a zero byte.
///
/// # Parameters
/// - `z85_public_key_`: where the public key goes, with room for 41 characters. Null is refused.
/// - `z85_secret_key_`: the secret key: 40 characters of Z85 and a zero byte. Null is refused.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: one of the two is null.
/// - `EINVAL`: the secret key is not 40 characters of Z85.
/// - `ENOMEM`: there is no memory for the text.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: any thread may call it at any time.
///
/// # Source
/// zmq_curve_public(3), zmq_curve(7). RFC 26 and 32.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_curve_public(
    z85_public_key_: *mut c_char,
    z85_secret_key_: *const c_char,
) -> c_int {
    guard(|| {
        if z85_public_key_.is_null() || z85_secret_key_.is_null() {
            return Err(Error::EFAULT);
        }
        // SAFETY: not null, so the caller gives a string.
        let text = unsafe { CStr::from_ptr(z85_secret_key_) };
        let bytes = Zeroizing::new(z85::decode(text.to_bytes())?);
        let key = <[u8; 32]>::try_from(&bytes[..]).map_err(|_| Error::EINVAL)?;
        let public = SecretKey::from(key).public_key();
        // SAFETY: not null, so the caller gives room for 41 characters.
        unsafe { put_key(z85_public_key_, &public) }?;
        Ok(0)
    })
}

/// Writes a key as text that ends in a zero byte.
///
/// # Safety
/// There is room for 41 characters.
unsafe fn put_key(to: *mut c_char, key: &[u8; 32]) -> Result<()> {
    let text = Zeroizing::new(z85::encode(key)?);
    // SAFETY: 32 bytes make 40 characters, and there is room for one more.
    unsafe {
        ptr::copy_nonoverlapping(text.as_ptr().cast(), to, text.len());
        *to.add(text.len()) = 0;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capi::guard::errno;

    #[test]
    fn text_ends_in_a_zero_and_may_be_decoded_in_place() {
        let bytes = [0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b];
        let mut text = [0x7f_u8; 12];
        let place = text.as_mut_ptr();
        // SAFETY: there is room for ten characters and the end.
        unsafe {
            assert_eq!(
                zmq_z85_encode(place.cast(), bytes.as_ptr(), 8),
                place.cast()
            );
            assert_eq!(&text, b"HelloWorld\0\x7f");
            let place = text.as_mut_ptr();
            assert_eq!(zmq_z85_decode(place, place.cast()), place);
        }
        assert_eq!(text[..8], bytes);
    }

    #[test]
    fn null_is_returned_for_what_is_refused() {
        // SAFETY: null is allowed.
        unsafe {
            assert!(zmq_z85_encode(ptr::null_mut(), ptr::null(), 42).is_null());
            assert_eq!(errno(), Error::EINVAL);
            assert!(zmq_z85_encode(ptr::null_mut(), ptr::null(), 4).is_null());
            assert_eq!(errno(), Error::EFAULT);
            assert!(zmq_z85_decode(ptr::null_mut(), c"%nSc1".as_ptr()).is_null());
            assert_eq!(errno(), Error::EINVAL);
            assert!(zmq_z85_decode(ptr::null_mut(), ptr::null()).is_null());
            assert_eq!(errno(), Error::EFAULT);
        }
    }
}
