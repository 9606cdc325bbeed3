//! Handles of options and stop flags.

use std::ffi::{c_char, c_int};

use super::guard::{guard, guard_value, required};
use super::pointer;
use crate::code::Code;
use crate::options::{Options, StopFlag};

/// Makes options with default values. Free them with `bigkeys_options_free`.
///
/// Scans and walks do not change options, so several threads may use the same options at the same
/// time. No thread may change or free them meanwhile.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_options_new() -> Option<Box<Options>> {
    guard_value(Box::default)
}

/// Frees options. `options` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_options_free(options: Option<Box<Options>>) {
    guard_value(|| drop(options));
}

/// Sets the number of threads of a scan, at most 1024. 0 is the default: one per core. A walk
/// visits keys on the thread of its caller.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_options_set_threads(options: Option<&mut Options>, threads: usize) -> Code {
    guard(None, || required(options, "options")?.set_threads(threads))
}

/// Sets how many keys of each type a report lists. The default is 20.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_options_set_top(options: Option<&mut Options>, keys: usize) -> Code {
    set(options, |options| options.top = Some(keys))
}

/// Sets how many prefixes of names a report lists. The default is 20. With 0, names are not summed
/// up.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_options_set_prefixes(options: Option<&mut Options>, prefixes: usize) -> Code {
    set(options, |options| options.prefixes = Some(prefixes))
}

/// Sets the byte that ends a prefix. The default is a colon.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_options_set_separator(options: Option<&mut Options>, separator: u8) -> Code {
    set(options, |options| options.separator = Some(separator))
}

/// Sets whether packed values are decoded (0: no), so that `value_bytes` and
/// `largest_element_bytes` are known for them. Off by default.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_options_set_deep(options: Option<&mut Options>, deep: c_int) -> Code {
    set(options, |options| options.deep = deep != 0)
}

/// Sets whether the memory of the server is modelled (0: no). On by default. Without the model,
/// `memory_bytes` is unknown, and keys rank by `rdb_bytes`.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_options_set_memory(options: Option<&mut Options>, memory: c_int) -> Code {
    set(options, |options| options.memory = memory != 0)
}

/// Sets whether checksums are compared (0: no). On by default.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_options_set_verify_checksum(options: Option<&mut Options>, verify: c_int) -> Code {
    set(options, |options| options.verify_checksum = verify != 0)
}

/// Sets whether the directories below a named directory are searched (0: no). Off by default.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_options_set_recursive(options: Option<&mut Options>, recursive: c_int) -> Code {
    set(options, |options| options.recursive = recursive != 0)
}

/// Sets whether regular files are mapped (0: they are read). On by default.
///
/// The first mapping installs a handler of `SIGBUS` for the process, which survives files that
/// shrink. Turn mapping off in a process whose `SIGBUS` handler must stay as it is.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_options_set_map_files(options: Option<&mut Options>, map_files: c_int) -> Code {
    set(options, |options| options.map_files = map_files != 0)
}

/// Overrides a setting of the object store. `name` is the name of an environment variable, such as
/// `AWS_ENDPOINT`. Both texts are UTF-8, end with NUL, and are copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bigkeys_options_set_store_option(
    options: Option<&mut Options>,
    name: *const c_char,
    value: *const c_char,
) -> Code {
    guard(None, || {
        let options = required(options, "options")?;
        // SAFETY: the caller promises texts that end with NUL.
        let (name, value) = unsafe { (pointer::utf8(name, "name")?, pointer::utf8(value, "value")?) };
        options.store.push((name, value));
        Ok(())
    })
}

/// Sets the flag that stops scans and walks with these options. The options keep the flag, so it
/// may be freed before them.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_options_set_stop_flag(
    options: Option<&mut Options>,
    flag: Option<&StopFlag>,
) -> Code {
    guard(None, || {
        required(options, "options")?.set_stop_flag(required(flag, "flag")?);
        Ok(())
    })
}

/// Makes a stop flag that is not set. Free it with `bigkeys_stop_flag_free`.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_stop_flag_new() -> Option<Box<StopFlag>> {
    guard_value(Box::default)
}

/// Sets a stop flag. Scans and walks that use the flag end soon, and later ones at once.
///
/// Any thread may call this function, also from a callback. It is safe in a signal handler.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_stop_flag_set(flag: Option<&StopFlag>) -> Code {
    // Neither allocates nor locks, because signal handlers call it.
    match flag {
        Some(flag) => {
            flag.set();
            Code::Ok
        }
        None => Code::InvalidArgument,
    }
}

/// Frees a stop flag. `flag` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_stop_flag_free(flag: Option<Box<StopFlag>>) {
    guard_value(|| drop(flag));
}

fn set(options: Option<&mut Options>, change: impl FnOnce(&mut Options)) -> Code {
    guard(None, || {
        change(required(options, "options")?);
        Ok(())
    })
}
