/* CPython, reached through dlsym. */
#include "python.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "guard.h"

#define X(type, name, arguments) type(*name) arguments;
PYTHON_FUNCTIONS(X)
#undef X

enum { DROPPED_AT_MOST = 256, DROPPED_BYTES_AT_MOST = 1 << 20 };

static void *embed, *late_function;
static char loaded[4096];
static __thread void *thread_state;
static __thread bool was_late;
static __thread unsigned depth; /* of python_enter */
static __thread void *dropped[DROPPED_AT_MOST];
static __thread size_t dropped_count, dropped_bytes;

static const char *failure(const char *what, const char *detail) {
    static char text[4608];
    snprintf(text, sizeof text, "metaprotocol: %s%s", what, detail ? detail : "");
    return text;
}

/* Copy the value of a line `key = value`; return false if there is none, or it is too long. */
static bool setting(struct text config, struct text key, char *value, size_t room) {
    const char *at = config.data, *end = config.data + config.size;
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end) line_end = end;
        const char *equals = memchr(at, '=', (size_t)(line_end - at));
        if (equals) {
            const char *key_end = equals;
            while (at < key_end && *at == ' ') at++;
            while (key_end > at && key_end[-1] == ' ') key_end--;
            if (text_is((struct text){at, (size_t)(key_end - at)}, key)) {
                const char *from = equals + 1, *to = line_end;
                while (from < to && *from == ' ') from++;
                while (to > from && to[-1] == ' ') to--;
                size_t size = (size_t)(to - from);
                if (size >= room) return false;
                memcpy(value, from, size);
                value[size] = 0;
                return true;
            }
        }
        at = line_end + 1;
    }
    return false;
}

static const char *load(const char *library) {
    void *handle = dlopen(library, RTLD_NOW | RTLD_GLOBAL);
    if (!handle) return failure("libpython cannot be loaded: ", dlerror());
#define X(type, name, arguments) \
    if (!(name = (__typeof__(name))dlsym(handle, #name))) return failure("libpython has no ", #name);
    PYTHON_FUNCTIONS(X)
#undef X
    return NULL;
}

/* Put the folders, separated by ':', before what is in sys.path. */
static void add_path(const char *folders) {
    void *path = PySys_GetObject("path");
    void *insert = path ? PyObject_GetAttrString(path, "insert") : NULL;
    for (long at = 0; insert && *folders; at++) {
        size_t size = strcspn(folders, ":");
        void *index = PyLong_FromLong(at), *folder = PyUnicode_FromStringAndSize(folders, (ssize_t)size);
        void *done = PyObject_CallFunctionObjArgs(insert, index, folder, NULL);
        if (!done) PyErr_Clear();
        Py_DecRef(done);
        Py_DecRef(index);
        Py_DecRef(folder);
        folders += size + (folders[size] == ':');
    }
    Py_DecRef(insert);
}

/* The other half takes our tuples apart by position, and we its: it says whether it knows our sources. */
static const char *check_fit(void) {
    void *check = PyObject_GetAttrString(embed, "check_fit");
    void *sources = PyUnicode_FromStringAndSize(MP_SOURCES, (ssize_t)sizeof MP_SOURCES - 1);
    void *reason = check && sources ? PyObject_CallFunctionObjArgs(check, sources, NULL) : NULL;
    struct text text = python_text(reason);
    const char *error = text.size ? failure("", text.data) : NULL;
    if (!reason) {
        python_report();
        error = failure("metaprotocol_envoy is older than this module, which was built from sources " MP_SOURCES
                        ". Install both from the same release, and restart Envoy", NULL);
    }
    Py_DecRef(reason);
    Py_DecRef(check);
    Py_DecRef(sources);
    return error;
}

static const char *import(const char *folders) {
    add_path(folders);
    embed = PyImport_ImportModule("metaprotocol_envoy.embed");
    if (!embed) {
        PyErr_WriteUnraisable(NULL);
        return failure("metaprotocol_envoy cannot be imported; see the exception above", NULL);
    }
    const char *unfit = check_fit();
    if (unfit) return embed = NULL, unfit;
    late_function = PyObject_GetAttrString(embed, "late");
    void *exception = PyObject_GetAttrString(embed, "DeadlineExceeded");
    if (!late_function || !exception) return failure("metaprotocol_envoy does not fit this module", NULL);
    guard_start(exception);
    return NULL;
}

const char *python_start(struct text config) {
    char library[sizeof loaded], home[4096];
    static char folders[65536];
    if (!setting(config, TEXT("libpython"), library, sizeof library)) return failure("no libpython is configured", NULL);
    if (*loaded) {
        if (strcmp(loaded, library)) return failure("another libpython runs already: ", loaded);
        return embed ? NULL : failure("the interpreter could not be started before", NULL);
    }
    const char *error = load(library);
    if (error) return error;
    memcpy(loaded, library, sizeof loaded);
    if (Py_IsInitialized()) return failure("this process runs an interpreter already", NULL);
    if (setting(config, TEXT("home"), home, sizeof home)) {
        void *wide = Py_DecodeLocale(home, NULL); /* kept: the interpreter keeps the pointer */
        if (wide) Py_SetPythonHome(wide);
    }
    Py_InitializeEx(0); /* signals are Envoy's */
    if (!setting(config, TEXT("path"), folders, sizeof folders)) *folders = 0;
    error = import(folders);
    thread_state = PyEval_SaveThread();
    return error;
}

static void drop_all(void) {
    dropped_bytes = 0;
    while (dropped_count) Py_DecRef(dropped[--dropped_count]);
}

void python_enter(void) {
    if (depth++) return;
    if (!thread_state) {
        PyGILState_Ensure(); /* for the life of the thread */
        thread_state = PyThreadState_Get();
    } else {
        PyEval_RestoreThread(thread_state);
    }
}

void python_leave(void) {
    if (depth > 1) {
        depth--;
        return;
    }
    drop_all(); /* what it runs may drop more */
    depth = 0;
    PyEval_SaveThread();
}

void python_drop_later(void *object) {
    if (!object) return;
    if (dropped_count == DROPPED_AT_MOST) {
        python_enter();
        drop_all();
        python_leave();
    }
    dropped[dropped_count++] = object;
}

void python_drop_bytes(void *object, size_t size) {
    python_drop_later(object);
    dropped_bytes += size;
    if (dropped_bytes < DROPPED_BYTES_AT_MOST) return;
    python_enter();
    drop_all();
    python_leave();
}

void python_report(void) {
    if (PyErr_Occurred()) PyErr_WriteUnraisable(NULL); /* PyErr_Print would obey SystemExit */
}

/* A late call has failed, whatever it returned. Its exception is reported once, by name, and counted. */
static void *ended(void *result) {
    was_late = guard_end();
    if (was_late) {
        Py_DecRef(result);
        PyErr_Clear();
        Py_DecRef(PyObject_CallFunctionObjArgs(late_function, NULL));
        result = NULL;
    }
    if (!result) python_report();
    return result;
}

bool python_was_late(void) { return was_late; }

void *python_call(void *function, void *one, void *two, void *three) {
    guard_begin();
    return ended(PyObject_CallFunctionObjArgs(function, one, two, three, NULL));
}

void *python_call_method(void *object, const char *name, void *one, void *two) {
    void *method = PyObject_GetAttrString(object, name);
    if (!method) return python_report(), NULL;
    void *result = python_call(method, one, two, NULL);
    Py_DecRef(method);
    return result;
}

void *python_embedded(const char *name) {
    void *function = PyObject_GetAttrString(embed, name);
    if (!function) python_report();
    return function;
}

struct text python_text(void *object) {
    ssize_t size = 0;
    const char *data = object ? PyUnicode_AsUTF8AndSize(object, &size) : NULL;
    if (!data) {
        PyErr_Clear();
        return TEXT("");
    }
    return (struct text){data, (size_t)size};
}

bool python_bytes(void *object, struct text *bytes) {
    char *data = NULL;
    ssize_t size = 0;
    if (!object || PyBytes_AsStringAndSize(object, &data, &size)) {
        PyErr_Clear();
        *bytes = TEXT("");
        return false;
    }
    *bytes = (struct text){data, (size_t)size};
    return true;
}

size_t python_size(void *object, const char *attribute) {
    void *value = object ? PyObject_GetAttrString(object, attribute) : NULL;
    long size = value ? PyLong_AsLong(value) : 0;
    Py_DecRef(value);
    python_report();
    return size > 0 ? (size_t)size : 0;
}

void *python_none(void) { return Py_BuildValue(""); }

bool python_is_text(void *object) {
    bool is = PyUnicode_AsUTF8AndSize(object, NULL);
    PyErr_Clear();
    return is;
}

void *python_headers(const struct header *headers, size_t count) {
    void *tuple = PyTuple_New((ssize_t)count);
    for (size_t i = 0; tuple && i < count; i++) {
        void *pair = PyTuple_New(2);
        void *name = PyBytes_FromStringAndSize(headers[i].name.data, (ssize_t)headers[i].name.size);
        void *value = PyBytes_FromStringAndSize(headers[i].value.data, (ssize_t)headers[i].value.size);
        if (!pair || !name || !value) {
            Py_DecRef(pair);
            Py_DecRef(name);
            Py_DecRef(value);
            Py_DecRef(tuple);
            return python_report(), NULL;
        }
        PyTuple_SetItem(pair, 0, name); /* which take the references over */
        PyTuple_SetItem(pair, 1, value);
        PyTuple_SetItem(tuple, (ssize_t)i, pair);
    }
    return tuple;
}

void python_read_headers(struct header *to, void *flat, size_t count) {
    for (size_t i = 0; i < count; i++) {
        to[i].name = python_text(PyTuple_GetItem(flat, (ssize_t)(2 * i)));
        to[i].value = python_text(PyTuple_GetItem(flat, (ssize_t)(2 * i + 1)));
    }
}
