/* A filter in WebAssembly, by the ABI of Proxy-Wasm: adds "wasm" to the property `seen` of requests.

   zig cc -target wasm32-freestanding -nostdlib -O2 -Wl,--no-entry -o seen.wasm seen.c */

#include <stddef.h>

#define EXPORT(name) __attribute__((export_name(name)))
#define IMPORT(name) __attribute__((import_module("env"), import_name(name)))

enum { REQUEST_HEADERS = 0, CONTINUE = 0, OK = 0 };

IMPORT("proxy_get_header_map_value")
int get_header(int map, const char *name, size_t name_size, const char **value, size_t *value_size);
IMPORT("proxy_replace_header_map_value")
int replace_header(int map, const char *name, size_t name_size, const char *value, size_t value_size);

/* Where Envoy writes what it hands over; each request begins anew. */
static char memory[4096];
static size_t used;

EXPORT("proxy_abi_version_0_2_1") void abi(void) {}

EXPORT("proxy_on_memory_allocate") void *allocate(size_t size) {
    if (size > sizeof memory - used)
        return NULL;
    used += size;
    return memory + used - size;
}

EXPORT("proxy_on_context_create") void create(int context, int parent) { (void)context, (void)parent; }
EXPORT("proxy_on_vm_start") int start(int context, int size) { return (void)context, (void)size, 1; }
EXPORT("proxy_on_configure") int configure(int context, int size) { return (void)context, (void)size, 1; }

EXPORT("proxy_on_request_headers") int on_request(int context, int count, int end) {
    static const char name[] = "seen", mine[] = "wasm";
    static char text[1024];
    const char *before;
    size_t size = 0;

    (void)context, (void)count, (void)end;
    used = 0;
    if (get_header(REQUEST_HEADERS, name, sizeof name - 1, &before, &size) != OK || size > sizeof text - sizeof mine)
        size = 0;
    for (size_t i = 0; i < size; i++)
        text[i] = before[i];
    if (size)
        text[size++] = ' ';
    for (size_t i = 0; i < sizeof mine - 1; i++)
        text[size++] = mine[i];
    replace_header(REQUEST_HEADERS, name, sizeof name - 1, text, size);
    return CONTINUE;
}
