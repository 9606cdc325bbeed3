/*
 * Analyses RDB backups of Redis and Valkey. docs/c-interface.md is the guide.
 *
 * Generated from crates/bigkeys-capi/src by cbindgen. Do not edit.
 */

#ifndef BIGKEYS_H
#define BIGKEYS_H

#include <stddef.h>
#include <stdint.h>

/**
 * The value of a number of a key that is not known. No known number is negative.
 */
#define BIGKEYS_UNKNOWN -1

/**
 * The value of `expires_at_ms` for a key without an expiry.
 */
#define BIGKEYS_NO_EXPIRY INT64_MIN

/**
 * The result of a function. A number never changes its meaning; later versions may add numbers.
 */
typedef enum bigkeys_code {
    /**
     * The function did all its work.
     */
    BIGKEYS_CODE_OK = 0,
    /**
     * A callback or a stop flag ended the work early.
     */
    BIGKEYS_CODE_STOPPED = 1,
    /**
     * The file is damaged: a part of it could not be read, or its checksum is wrong. A walk has
     * visited all readable keys.
     */
    BIGKEYS_CODE_DAMAGED = 2,
    /**
     * An argument is NULL, out of range, or of the wrong form.
     */
    BIGKEYS_CODE_INVALID_ARGUMENT = 3,
    /**
     * A file does not exist.
     */
    BIGKEYS_CODE_NOT_FOUND = 4,
    /**
     * An input cannot be opened or read, or an object does not exist.
     */
    BIGKEYS_CODE_UNREADABLE = 5,
    /**
     * An input is empty, or not an RDB file.
     */
    BIGKEYS_CODE_NOT_RDB = 6,
    /**
     * This build of the library does not support the input.
     */
    BIGKEYS_CODE_UNSUPPORTED = 7,
    /**
     * The threads of a scan cannot be started.
     */
    BIGKEYS_CODE_THREADS = 8,
    /**
     * The library has a bug.
     */
    BIGKEYS_CODE_INTERNAL = 9,
} bigkeys_code;

/**
 * The reason why a function did not do all its work.
 */
typedef struct bigkeys_error bigkeys_error;

/**
 * A JSON text.
 */
typedef struct bigkeys_json bigkeys_json;

/**
 * Options of scans and walks.
 */
typedef struct bigkeys_options bigkeys_options;

/**
 * A flag that stops scans and walks. Any thread may set it.
 */
typedef struct bigkeys_stop_flag bigkeys_stop_flag;

/**
 * A key during a walk. The key and its pointers are valid only until the callback returns.
 *
 * Later versions may add fields at the end.
 */
typedef struct bigkeys_key {
    /**
     * The decoded name: any bytes, without a NUL at the end.
     */
    const uint8_t *name;
    /**
     * Length of `name` in bytes.
     */
    size_t name_len;
    /**
     * Length of the whole name in bytes. It is greater than `name_len` if the name is too long to
     * hold; `name` is then its beginning.
     */
    uint64_t whole_name_len;
    /**
     * Data type, as `TYPE` returns it, such as "hash". Ends with NUL.
     */
    const char *data_type;
    /**
     * Encoding after the server has loaded the file, as `OBJECT ENCODING` returns it. Ends with
     * NUL.
     */
    const char *encoding;
    /**
     * Number of the logical database.
     */
    uint64_t db;
    /**
     * Bytes of the key in the file: prefix opcodes, type, name and value.
     */
    uint64_t rdb_bytes;
    /**
     * Absolute offset of the key in the file, in bytes.
     */
    uint64_t offset;
    /**
     * Items, members, field-value pairs or stream entries; 1 for a string. `BIGKEYS_UNKNOWN` for
     * the value of a module.
     */
    int64_t elements;
    /**
     * Payload bytes: the length of a string, or the sum over the elements. `BIGKEYS_UNKNOWN` if
     * the walk did not read the elements, see `bigkeys_options_set_deep`.
     */
    int64_t value_bytes;
    /**
     * What `MEMORY USAGE key SAMPLES 0` would return. `BIGKEYS_UNKNOWN` without the memory model.
     */
    int64_t memory_bytes;
    /**
     * Payload bytes of the largest element. `BIGKEYS_UNKNOWN` as for `value_bytes`.
     */
    int64_t largest_element_bytes;
    /**
     * When the key expires, in milliseconds since 1970. `BIGKEYS_NO_EXPIRY` if it does not.
     */
    int64_t expires_at_ms;
    /**
     * Seconds between the last access and the writing of the file. `BIGKEYS_UNKNOWN` if the file
     * does not state them.
     */
    int64_t idle_seconds;
    /**
     * Logarithmic access counter (LFU). `BIGKEYS_UNKNOWN` if the file does not state it.
     */
    int32_t freq;
    /**
     * Cluster slot. `BIGKEYS_UNKNOWN` if the file does not state it.
     */
    int32_t slot;
    /**
     * 1 if `memory_bytes` is from the memory model. 0 if it is `rdb_bytes`, as for the value of a
     * module, or unknown.
     */
    int32_t memory_is_modelled;
} bigkeys_key;

/**
 * Receives a key of a walk. Returns 0 to continue, and any other number to end the walk.
 *
 * `context` is the argument of `bigkeys_walk_keys`. `key` and its pointers are valid only until
 * the callback returns. The callback must return: it must not throw an exception, and not call
 * `longjmp`. It may call any function of this library, and must not change or free the options of
 * the walk.
 */
typedef int (*bigkeys_key_callback)(void *context, const struct bigkeys_key *key);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the library, such as "0.1.0". Ends with NUL, and is never freed.
 */
const char *bigkeys_version(void);

/**
 * The code of an error, which is the code that the failed function returned.
 * `BIGKEYS_CODE_INVALID_ARGUMENT` if `error` is NULL.
 */
enum bigkeys_code bigkeys_error_code(const struct bigkeys_error *error);

/**
 * The message of an error: one line of UTF-8 without control characters. Ends with NUL, and lives
 * as long as the error. Never NULL.
 */
const char *bigkeys_error_message(const struct bigkeys_error *error);

/**
 * The path or URL of the input that an error is about, as its message shows it. Ends with NUL, and
 * lives as long as the error. NULL if the error is about no input.
 */
const char *bigkeys_error_path(const struct bigkeys_error *error);

/**
 * The offset in the file, in bytes, at which reading failed or ended. `BIGKEYS_UNKNOWN` if there is
 * none.
 */
int64_t bigkeys_error_offset(const struct bigkeys_error *error);

/**
 * Frees an error. `error` may be NULL.
 */
void bigkeys_error_free(struct bigkeys_error *error);

/**
 * The bytes of a JSON text: UTF-8 that ends with NUL, and that lives as long as the handle. NULL if
 * `json` is NULL.
 */
const char *bigkeys_json_data(const struct bigkeys_json *json);

/**
 * Length of a JSON text in bytes, without the NUL. 0 if `json` is NULL.
 */
size_t bigkeys_json_len(const struct bigkeys_json *json);

/**
 * Frees a JSON text. `json` may be NULL.
 */
void bigkeys_json_free(struct bigkeys_json *json);

/**
 * Makes options with default values. Free them with `bigkeys_options_free`.
 *
 * Scans and walks do not change options, so several threads may use the same options at the same
 * time. No thread may change or free them meanwhile.
 */
struct bigkeys_options *bigkeys_options_new(void);

/**
 * Frees options. `options` may be NULL.
 */
void bigkeys_options_free(struct bigkeys_options *options);

/**
 * Sets the number of threads of a scan, at most 1024. 0 is the default: one per core. A walk
 * visits keys on the thread of its caller.
 */
enum bigkeys_code bigkeys_options_set_threads(struct bigkeys_options *options, size_t threads);

/**
 * Sets how many keys of each type a report lists. The default is 20.
 */
enum bigkeys_code bigkeys_options_set_top(struct bigkeys_options *options, size_t keys);

/**
 * Sets how many prefixes of names a report lists. The default is 20. With 0, names are not summed
 * up.
 */
enum bigkeys_code bigkeys_options_set_prefixes(struct bigkeys_options *options, size_t prefixes);

/**
 * Sets the byte that ends a prefix. The default is a colon.
 */
enum bigkeys_code bigkeys_options_set_separator(struct bigkeys_options *options, uint8_t separator);

/**
 * Sets whether packed values are decoded (0: no), so that `value_bytes` and
 * `largest_element_bytes` are known for them. Off by default.
 */
enum bigkeys_code bigkeys_options_set_deep(struct bigkeys_options *options, int deep);

/**
 * Sets whether the memory of the server is modelled (0: no). On by default. Without the model,
 * `memory_bytes` is unknown, and keys rank by `rdb_bytes`.
 */
enum bigkeys_code bigkeys_options_set_memory(struct bigkeys_options *options, int memory);

/**
 * Sets whether checksums are compared (0: no). On by default.
 */
enum bigkeys_code bigkeys_options_set_verify_checksum(struct bigkeys_options *options, int verify);

/**
 * Sets whether the directories below a named directory are searched (0: no). Off by default.
 */
enum bigkeys_code bigkeys_options_set_recursive(struct bigkeys_options *options, int recursive);

/**
 * Sets whether regular files are mapped (0: they are read). On by default.
 *
 * The first mapping installs a handler of `SIGBUS` for the process, which survives files that
 * shrink. Turn mapping off in a process whose `SIGBUS` handler must stay as it is.
 */
enum bigkeys_code bigkeys_options_set_map_files(struct bigkeys_options *options, int map_files);

/**
 * Overrides a setting of the object store. `name` is the name of an environment variable, such as
 * `AWS_ENDPOINT`. Both texts are UTF-8, end with NUL, and are copied.
 */
enum bigkeys_code bigkeys_options_set_store_option(struct bigkeys_options *options,
                                                   const char *name,
                                                   const char *value);

/**
 * Sets the flag that stops scans and walks with these options. The options keep the flag, so it
 * may be freed before them.
 */
enum bigkeys_code bigkeys_options_set_stop_flag(struct bigkeys_options *options,
                                                const struct bigkeys_stop_flag *flag);

/**
 * Makes a stop flag that is not set. Free it with `bigkeys_stop_flag_free`.
 */
struct bigkeys_stop_flag *bigkeys_stop_flag_new(void);

/**
 * Sets a stop flag. Scans and walks that use the flag end soon, and later ones at once.
 *
 * Any thread may call this function, also from a callback. It is safe in a signal handler.
 */
enum bigkeys_code bigkeys_stop_flag_set(const struct bigkeys_stop_flag *flag);

/**
 * Frees a stop flag. `flag` may be NULL.
 */
void bigkeys_stop_flag_free(struct bigkeys_stop_flag *flag);

/**
 * Scans inputs into one report, the JSON that `bigkeys scan --format json` prints.
 *
 * `paths` has `path_count` paths, at least one. A path is that of a file or a directory, a pattern
 * such as "dump-*.rdb", "-" for standard input, or a URL (`s3`, `gs`, `az`, `http`, `https`).
 *
 * `*json` receives the report, or NULL. Free it with `bigkeys_json_free`. `error` may be NULL.
 * Otherwise `*error` receives the error, or NULL after `BIGKEYS_CODE_OK`. Free it with
 * `bigkeys_error_free`. The old values of `*json` and `*error` are not read.
 *
 * `BIGKEYS_CODE_OK`: there is a report. Damage in a file is no error; the report says so.
 * `BIGKEYS_CODE_STOPPED`: the stop flag was set; there is a report over what was read. Any other
 * code: there is no report, because an input cannot be opened or is not an RDB file, an argument is
 * invalid, or the threads cannot be started.
 */
enum bigkeys_code bigkeys_scan_json(const struct bigkeys_options *options,
                                    const char *const *paths,
                                    size_t path_count,
                                    struct bigkeys_json **json,
                                    struct bigkeys_error **error);

/**
 * Calls `callback` for every key of one input, in file order, on this thread.
 *
 * `path` is a path as for `bigkeys_scan_json` that stands for one file. `context` is passed to
 * `callback`, and may be NULL. `error` may be NULL. Otherwise `*error` receives the error, or NULL
 * after `BIGKEYS_CODE_OK`. Free it with `bigkeys_error_free`. The old value of `*error` is not
 * read.
 *
 * `BIGKEYS_CODE_OK`: the file is clean, and all keys were visited. `BIGKEYS_CODE_DAMAGED`: all
 * readable keys were visited; the error says what is wrong, and at which offset reading ended.
 * `BIGKEYS_CODE_STOPPED`: the callback or the stop flag ended the walk. Any other code except
 * `BIGKEYS_CODE_INTERNAL`: no key was visited.
 */
enum bigkeys_code bigkeys_walk_keys(const struct bigkeys_options *options,
                                    const char *path,
                                    bigkeys_key_callback callback,
                                    void *context,
                                    struct bigkeys_error **error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* BIGKEYS_H */
