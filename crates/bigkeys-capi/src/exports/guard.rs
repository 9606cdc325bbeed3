//! What all functions do around their work.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use crate::code::Code;
use crate::error::Error;

/// Does `work` without letting a panic out. Writes the error, or NULL, to `out`.
pub(super) fn guard(
    out: Option<&mut MaybeUninit<*mut Error>>,
    work: impl FnOnce() -> Result<(), Error>,
) -> Code {
    let outcome = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => outcome,
        Err(panic) => Err(Error::internal(&*panic)),
    };
    let code = outcome.as_ref().map_or_else(Error::code, |()| Code::Ok);
    if let Some(out) = out {
        out.write(match outcome {
            Ok(()) => ptr::null_mut(),
            Err(error) => Box::into_raw(Box::new(error)),
        });
    }
    code
}

/// Does `work`, which cannot fail, without letting a panic out. `None`: it panicked.
pub(super) fn guard_value<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// An argument that must not be NULL.
pub(super) fn required<T>(argument: Option<T>, name: &str) -> Result<T, Error> {
    argument.ok_or_else(|| is_null(name))
}

pub(super) fn is_null(name: &str) -> Error {
    Error::invalid(&format!("the argument {name} is NULL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_code() {
        let mut error = MaybeUninit::uninit();
        let code = guard(Some(&mut error), || panic!("broken"));
        assert_eq!(code, Code::Internal);
        // SAFETY: `guard` writes a pointer of a box to its first argument in every case.
        let error = unsafe { Box::from_raw(error.assume_init()) };
        assert_eq!(error.message(), c"the library has a bug: broken");
        assert_eq!(guard(None, || panic!("broken")), Code::Internal);
        assert_eq!(guard_value(|| -> u8 { panic!("broken") }), None);
    }

    #[test]
    fn success_clears_the_error() {
        let mut error = MaybeUninit::new(ptr::dangling_mut());
        assert_eq!(guard(Some(&mut error), || Ok(())), Code::Ok);
        // SAFETY: the variable is initialized above.
        assert!(unsafe { error.assume_init() }.is_null());
    }
}
