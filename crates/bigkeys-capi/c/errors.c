/*
 * Tests the C interface where something is wrong, so that Valgrind and the sanitizers watch it: NULL,
 * files that cannot be read, damage, callbacks and threads that stop a walk, frees in any order.
 *
 * Usage: errors DUMP DIRECTORY, where DUMP is a dump without damage, and DIRECTORY is empty.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigkeys.h"

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

struct visits {
    unsigned long keys;
    unsigned long limit;
    bigkeys_stop_flag *flag;
};

/* Reads every byte that a key points to, and ends the walk at the limit. */
static int visit(void *context, const bigkeys_key *key)
{
    struct visits *visits = context;
    volatile unsigned sum = 0;

    for (size_t i = 0; i < key->name_len; i++)
        sum = sum + key->name[i];
    /* The sanitizers watch the reads. */
    (void)sum;
    CHECK(strlen(key->data_type) > 0);
    CHECK(strlen(key->encoding) > 0);
    CHECK(key->whole_name_len >= key->name_len);
    visits->keys++;
    if (visits->flag != NULL)
        CHECK(bigkeys_stop_flag_set(visits->flag) == BIGKEYS_CODE_OK);
    return visits->keys == visits->limit;
}

/* Checks all of an error, and frees it. */
static void check_error(bigkeys_error *error, bigkeys_code code, const char *path)
{
    CHECK(error != NULL);
    CHECK(bigkeys_error_code(error) == code);
    CHECK(strlen(bigkeys_error_message(error)) > 0);
    if (path == NULL) {
        CHECK(bigkeys_error_path(error) == NULL);
    } else {
        CHECK(strcmp(bigkeys_error_path(error), path) == 0);
        CHECK(strstr(bigkeys_error_message(error), path) != NULL);
    }
    CHECK(bigkeys_error_offset(error) >= BIGKEYS_UNKNOWN);
    bigkeys_error_free(error);
}

static void write_file(const char *path, const char *bytes, size_t byte_count)
{
    FILE *file = fopen(path, "wb");

    CHECK(file != NULL);
    CHECK(fwrite(bytes, 1, byte_count, file) == byte_count);
    CHECK(fclose(file) == 0);
}

static void test_null(const bigkeys_options *options, const char *dump)
{
    const char *paths[] = {dump, NULL};
    bigkeys_json *json;
    bigkeys_error *error;

    CHECK(bigkeys_scan_json(NULL, paths, 1, &json, &error) == BIGKEYS_CODE_INVALID_ARGUMENT);
    check_error(error, BIGKEYS_CODE_INVALID_ARGUMENT, NULL);
    CHECK(json == NULL);
    CHECK(bigkeys_scan_json(options, NULL, 1, &json, NULL) == BIGKEYS_CODE_INVALID_ARGUMENT);
    CHECK(bigkeys_scan_json(options, paths, 0, &json, NULL) == BIGKEYS_CODE_INVALID_ARGUMENT);
    CHECK(bigkeys_scan_json(options, paths, SIZE_MAX, &json, NULL) == BIGKEYS_CODE_INVALID_ARGUMENT);
    CHECK(bigkeys_scan_json(options, paths, 2, &json, NULL) == BIGKEYS_CODE_INVALID_ARGUMENT);
    CHECK(bigkeys_scan_json(options, paths, 1, NULL, NULL) == BIGKEYS_CODE_INVALID_ARGUMENT);
    CHECK(bigkeys_walk_keys(NULL, dump, visit, NULL, &error) == BIGKEYS_CODE_INVALID_ARGUMENT);
    check_error(error, BIGKEYS_CODE_INVALID_ARGUMENT, NULL);
    CHECK(bigkeys_walk_keys(options, NULL, visit, NULL, NULL) == BIGKEYS_CODE_INVALID_ARGUMENT);
    CHECK(bigkeys_walk_keys(options, dump, NULL, NULL, NULL) == BIGKEYS_CODE_INVALID_ARGUMENT);
    CHECK(bigkeys_options_set_threads(NULL, 1) == BIGKEYS_CODE_INVALID_ARGUMENT);
    CHECK(bigkeys_options_set_store_option(NULL, "a", "b") == BIGKEYS_CODE_INVALID_ARGUMENT);
    CHECK(bigkeys_options_set_stop_flag(NULL, NULL) == BIGKEYS_CODE_INVALID_ARGUMENT);
    CHECK(bigkeys_stop_flag_set(NULL) == BIGKEYS_CODE_INVALID_ARGUMENT);
    CHECK(bigkeys_error_code(NULL) == BIGKEYS_CODE_INVALID_ARGUMENT);
    CHECK(strlen(bigkeys_error_message(NULL)) > 0);
    CHECK(bigkeys_error_path(NULL) == NULL);
    CHECK(bigkeys_error_offset(NULL) == BIGKEYS_UNKNOWN);
    CHECK(bigkeys_json_data(NULL) == NULL);
    CHECK(bigkeys_json_len(NULL) == 0);
    bigkeys_error_free(NULL);
    bigkeys_json_free(NULL);
    bigkeys_options_free(NULL);
    bigkeys_stop_flag_free(NULL);
}

/* Both functions refuse the file at `path` with `code`. */
static void test_refused(const bigkeys_options *options, const char *path, bigkeys_code code)
{
    struct visits visits = {0, 0, NULL};
    bigkeys_json *json;
    bigkeys_error *error;

    CHECK(bigkeys_walk_keys(options, path, visit, &visits, &error) == code);
    check_error(error, code, path);
    CHECK(visits.keys == 0);
    CHECK(bigkeys_scan_json(options, &path, 1, &json, &error) == code);
    check_error(error, code, path);
    CHECK(json == NULL);
}

/* A file that ends early is an error of a walk and a report of a scan. */
static void test_damaged(const bigkeys_options *options, const char *path)
{
    struct visits visits = {0, 0, NULL};
    bigkeys_json *json;
    bigkeys_error *error;

    CHECK(bigkeys_walk_keys(options, path, visit, &visits, &error) == BIGKEYS_CODE_DAMAGED);
    CHECK(bigkeys_error_offset(error) > 0);
    check_error(error, BIGKEYS_CODE_DAMAGED, path);
    CHECK(visits.keys > 0);
    CHECK(bigkeys_scan_json(options, &path, 1, &json, &error) == BIGKEYS_CODE_OK);
    CHECK(error == NULL);
    CHECK(strlen(bigkeys_json_data(json)) == bigkeys_json_len(json));
    CHECK(strstr(bigkeys_json_data(json), "\"complete\": false") != NULL);
    bigkeys_json_free(json);
}

static void *set_flag(void *flag)
{
    CHECK(bigkeys_stop_flag_set(flag) == BIGKEYS_CODE_OK);
    return NULL;
}

static void test_stopped(bigkeys_options *options, const char *dump)
{
    struct visits visits = {0, 2, NULL};
    bigkeys_stop_flag *flag = bigkeys_stop_flag_new();
    bigkeys_json *json;
    bigkeys_error *error;
    pthread_t thread;

    CHECK(bigkeys_walk_keys(options, dump, visit, &visits, &error) == BIGKEYS_CODE_STOPPED);
    check_error(error, BIGKEYS_CODE_STOPPED, dump);
    CHECK(visits.keys == 2);

    visits = (struct visits){0, 0, flag};
    CHECK(bigkeys_options_set_stop_flag(options, flag) == BIGKEYS_CODE_OK);
    CHECK(bigkeys_walk_keys(options, dump, visit, &visits, NULL) == BIGKEYS_CODE_STOPPED);
    bigkeys_stop_flag_free(flag);

    flag = bigkeys_stop_flag_new();
    CHECK(bigkeys_options_set_stop_flag(options, flag) == BIGKEYS_CODE_OK);
    CHECK(pthread_create(&thread, NULL, set_flag, flag) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    /* The options keep the flag. */
    bigkeys_stop_flag_free(flag);
    CHECK(bigkeys_scan_json(options, &dump, 1, &json, &error) == BIGKEYS_CODE_STOPPED);
    check_error(error, BIGKEYS_CODE_STOPPED, NULL);
    CHECK(json != NULL);
    bigkeys_json_free(json);
}

int main(int argc, char **argv)
{
    char missing[4096], text[4096], empty[4096], truncated[4096];
    bigkeys_options *options = bigkeys_options_new();
    struct visits visits = {0, 0, NULL};
    bigkeys_json *json;
    bigkeys_error *error;
    const char *dump, *directory;
    char bytes[4096];
    size_t byte_count;
    FILE *file;

    CHECK(argc == 3);
    dump = argv[1];
    directory = argv[2];
    CHECK(snprintf(missing, sizeof missing, "%s/missing.rdb", directory) > 0);
    CHECK(snprintf(text, sizeof text, "%s/text.rdb", directory) > 0);
    CHECK(snprintf(empty, sizeof empty, "%s/empty.rdb", directory) > 0);
    CHECK(snprintf(truncated, sizeof truncated, "%s/truncated.rdb", directory) > 0);
    CHECK(options != NULL);
    CHECK(strlen(bigkeys_version()) > 0);

    CHECK((file = fopen(dump, "rb")) != NULL);
    byte_count = fread(bytes, 1, sizeof bytes, file);
    CHECK(fclose(file) == 0);
    /* The end of the file, with its checksum, is missing in any case. */
    write_file(truncated, bytes, byte_count < sizeof bytes ? byte_count - 9 : byte_count);
    write_file(text, "not a dump", 10);
    write_file(empty, "", 0);

    test_null(options, dump);
    for (int map_files = 0; map_files <= 1; map_files++) {
        CHECK(bigkeys_options_set_map_files(options, map_files) == BIGKEYS_CODE_OK);
        test_refused(options, missing, BIGKEYS_CODE_NOT_FOUND);
        test_refused(options, text, BIGKEYS_CODE_NOT_RDB);
        test_refused(options, empty, BIGKEYS_CODE_NOT_RDB);
        test_damaged(options, truncated);
    }

    CHECK(bigkeys_options_set_threads(options, 4) == BIGKEYS_CODE_OK);
    CHECK(bigkeys_options_set_threads(options, 1025) == BIGKEYS_CODE_INVALID_ARGUMENT);
    CHECK(bigkeys_options_set_top(options, 2) == BIGKEYS_CODE_OK);
    CHECK(bigkeys_options_set_prefixes(options, 2) == BIGKEYS_CODE_OK);
    CHECK(bigkeys_options_set_separator(options, '.') == BIGKEYS_CODE_OK);
    CHECK(bigkeys_options_set_deep(options, 1) == BIGKEYS_CODE_OK);
    CHECK(bigkeys_options_set_memory(options, 0) == BIGKEYS_CODE_OK);
    CHECK(bigkeys_options_set_verify_checksum(options, 0) == BIGKEYS_CODE_OK);
    CHECK(bigkeys_options_set_recursive(options, 1) == BIGKEYS_CODE_OK);
    CHECK(bigkeys_options_set_store_option(options, "AWS_REGION", "eu-north-1") == BIGKEYS_CODE_OK);
    CHECK(bigkeys_options_set_store_option(options, "AWS_REGION", "\xff") == BIGKEYS_CODE_INVALID_ARGUMENT);
    CHECK(bigkeys_walk_keys(options, dump, visit, &visits, &error) == BIGKEYS_CODE_OK);
    CHECK(error == NULL);
    CHECK(visits.keys > 0);
    test_stopped(options, dump);

    /* A report lives longer than the options that made it. */
    bigkeys_options_free(options);
    options = bigkeys_options_new();
    CHECK(bigkeys_scan_json(options, &dump, 1, &json, NULL) == BIGKEYS_CODE_OK);
    bigkeys_options_free(options);
    CHECK(bigkeys_json_data(json)[bigkeys_json_len(json)] == '\0');
    bigkeys_json_free(json);

    puts("errors: ok");
    return 0;
}
