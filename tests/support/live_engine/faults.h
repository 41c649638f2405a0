/* Compiled into every file of a module for tests (`-include`): allocations in one function fail. The environment names it,
 * the first call that fails, from 1, and how many do: METAPROTOCOL_FAULT=reply_new:1:2. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline bool fault(const char *function) {
    static _Atomic int calls;
    char name[64];
    int first, count;
    const char *wanted = getenv("METAPROTOCOL_FAULT");
    if (!wanted || sscanf(wanted, "%63[^:]:%d:%d", name, &first, &count) != 3 || strcmp(name, function)) return false;
    int call = ++calls;
    return call >= first && call < first + count;
}

#define calloc(number, size) (fault(__func__) ? NULL : (calloc)(number, size))
#define malloc(size) (fault(__func__) ? NULL : (malloc)(size))
#define PyTuple_New(size) (fault(__func__) ? NULL : (PyTuple_New)(size))
#define PyBytes_FromStringAndSize(data, size) (fault(__func__) ? NULL : (PyBytes_FromStringAndSize)(data, size))
#define PyUnicode_FromStringAndSize(data, size) (fault(__func__) ? NULL : (PyUnicode_FromStringAndSize)(data, size))
