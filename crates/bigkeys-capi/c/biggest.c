/*
 * Prints the key of each FILE that takes the most memory. With --json, prints a report on all FILEs.
 *
 * Usage: biggest [--json] FILE...
 *
 * Exit status: 0, or 2 if a FILE cannot be read, or 3 if one is damaged.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigkeys.h"

/* The biggest key so far. */
struct biggest {
    uint8_t *name;
    size_t name_len;
    char data_type[32];
    int64_t memory_bytes;
    int out_of_memory;
};

static int visit(void *context, const bigkeys_key *key)
{
    struct biggest *biggest = context;
    uint8_t *name;

    if (key->memory_bytes <= biggest->memory_bytes)
        return 0;
    /* The name is valid only during this call, so it is copied. It may be empty. */
    name = realloc(biggest->name, key->name_len + 1);
    if (name == NULL) {
        biggest->out_of_memory = 1;
        return 1;
    }
    memcpy(name, key->name, key->name_len);
    biggest->name = name;
    biggest->name_len = key->name_len;
    biggest->memory_bytes = key->memory_bytes;
    snprintf(biggest->data_type, sizeof biggest->data_type, "%s", key->data_type);
    return 0;
}

/* A name may have any bytes. Those that a terminal may act on are escaped. */
static void print_name(const uint8_t *name, size_t name_len)
{
    for (size_t i = 0; i < name_len; i++) {
        if (name[i] >= 0x20 && name[i] < 0x7f && name[i] != '\\')
            putchar(name[i]);
        else
            printf("\\x%02x", name[i]);
    }
}

static int exit_status(bigkeys_code code)
{
    switch (code) {
    case BIGKEYS_CODE_OK:
        return 0;
    case BIGKEYS_CODE_DAMAGED:
        return 3;
    default:
        return 2;
    }
}

static int print_biggest(const bigkeys_options *options, const char *path)
{
    struct biggest biggest = {.memory_bytes = -1};
    bigkeys_error *error;
    bigkeys_code code = bigkeys_walk_keys(options, path, visit, &biggest, &error);

    if (biggest.out_of_memory)
        fprintf(stderr, "biggest: %s: out of memory\n", path);
    else if (error != NULL)
        fprintf(stderr, "biggest: %s\n", bigkeys_error_message(error));
    if (biggest.memory_bytes >= 0) {
        printf("%s: ", path);
        print_name(biggest.name, biggest.name_len);
        printf(" (%s, %" PRId64 " bytes)\n", biggest.data_type, biggest.memory_bytes);
    }
    bigkeys_error_free(error);
    free(biggest.name);
    return exit_status(code);
}

static int print_json(const bigkeys_options *options, const char *const *paths, size_t path_count)
{
    bigkeys_json *json;
    bigkeys_error *error;
    bigkeys_code code = bigkeys_scan_json(options, paths, path_count, &json, &error);

    if (json != NULL)
        fwrite(bigkeys_json_data(json), 1, bigkeys_json_len(json), stdout);
    if (error != NULL)
        fprintf(stderr, "biggest: %s\n", bigkeys_error_message(error));
    bigkeys_error_free(error);
    bigkeys_json_free(json);
    return exit_status(code);
}

int main(int argc, char **argv)
{
    int is_json = argc > 1 && strcmp(argv[1], "--json") == 0;
    int first = is_json ? 2 : 1;
    int status = 0;
    bigkeys_options *options;

    if (first >= argc) {
        fprintf(stderr, "usage: biggest [--json] FILE...\n");
        return 2;
    }
    options = bigkeys_options_new();
    if (is_json) {
        status = print_json(options, (const char *const *)argv + first, (size_t)(argc - first));
    } else {
        for (int i = first; i < argc; i++) {
            int one = print_biggest(options, argv[i]);
            /* A file that cannot be read outweighs one that is damaged. */
            if (status == 0 || one == 2)
                status = one;
        }
    }
    bigkeys_options_free(options);
    return status;
}
