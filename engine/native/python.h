/* CPython, reached through dlsym: one build serves every CPython from 3.11, and no layout of its structs is known here.
 * Objects are `void *`. Nothing in this file may be called without the interpreter's lock unless it says so.
 * Knows nothing of Envoy. */
#ifndef MP_PYTHON_H
#define MP_PYTHON_H

#include <sys/types.h>

#include "buffer.h"

/* Every function of CPython that is called, with its type. */
#define PYTHON_FUNCTIONS(X)                                       \
    X(int, Py_IsInitialized, (void))                              \
    X(void, Py_InitializeEx, (int))                               \
    X(void *, Py_DecodeLocale, (const char *, size_t *))          \
    X(void, Py_SetPythonHome, (const void *))                     \
    X(void, Py_IncRef, (void *))                                  \
    X(void, Py_DecRef, (void *))                                  \
    X(void *, PyEval_SaveThread, (void))                          \
    X(void, PyEval_RestoreThread, (void *))                       \
    X(int, PyGILState_Ensure, (void))                             \
    X(void, PyGILState_Release, (int))                            \
    X(void *, PyThreadState_Get, (void))                          \
    X(int, PyThreadState_SetAsyncExc, (unsigned long, void *))    \
    X(unsigned long, PyThread_get_thread_ident, (void))           \
    X(void *, PyErr_Occurred, (void))                             \
    X(void, PyErr_Clear, (void))                                  \
    X(void, PyErr_WriteUnraisable, (void *))                      \
    X(void *, PyImport_ImportModule, (const char *))              \
    X(void *, PyObject_GetAttrString, (void *, const char *))     \
    X(void *, PyObject_CallFunctionObjArgs, (void *, ...))        \
    X(void *, PyBytes_FromStringAndSize, (const char *, ssize_t)) \
    X(int, PyBytes_AsStringAndSize, (void *, char **, ssize_t *)) \
    X(void *, PyUnicode_FromStringAndSize, (const char *, ssize_t)) \
    X(const char *, PyUnicode_AsUTF8AndSize, (void *, ssize_t *)) \
    X(void *, PyTuple_New, (ssize_t))                             \
    X(int, PyTuple_SetItem, (void *, ssize_t, void *))            \
    X(void *, PyTuple_GetItem, (void *, ssize_t))                 \
    X(ssize_t, PyTuple_Size, (void *))                            \
    X(void *, PyList_New, (ssize_t))                              \
    X(int, PyList_Append, (void *, void *))                       \
    X(ssize_t, PyList_Size, (void *))                             \
    X(void *, PyList_GetItem, (void *, ssize_t))                  \
    X(long, PyLong_AsLong, (void *))                              \
    X(void *, PyLong_FromLong, (long))                            \
    X(void *, PySys_GetObject, (const char *))                    \
    X(int, PyObject_IsTrue, (void *))                             \
    X(void *, Py_BuildValue, (const char *, ...))

#define X(type, name, arguments) extern type(*name) arguments;
PYTHON_FUNCTIONS(X)
#undef X

/* Load and start the interpreter that a configuration names, once a process, and import metaprotocol_envoy.embed.
 * Without the lock. Return NULL, or the reason for which it cannot be. */
const char *python_start(struct text config);
/* Take and give back the lock; pairs may nest. */
void python_enter(void);
void python_leave(void);
/* Let go of an object when this thread has the lock next. Without the lock, too. */
void python_drop_later(void *object);
/* The same for an object that holds so many bytes: many of them do not wait. */
void python_drop_bytes(void *object, size_t size);

/* Call a function with at most three arguments, NULL for none; NULL if it raised, which is reported. The guard counts the
 * time: a call that takes longer than the deadline gets an exception. */
void *python_call(void *function, void *one, void *two, void *three);
/* The same with a method, by name. */
void *python_call_method(void *object, const char *name, void *one, void *two);
/* True if this thread's last call was ended by the guard. Without the lock, too. */
bool python_was_late(void);
/* A function of metaprotocol_envoy.embed. */
void *python_embedded(const char *name);

/* The text of a str, or an empty one; it lives as long as the object. */
struct text python_text(void *object);
/* A size that is an attribute of an object; 0 if it has none. */
size_t python_size(void *object, const char *attribute);
/* A new reference to None. */
void *python_none(void);
bool python_is_text(void *object);
/* A tuple of (name, value) in bytes; NULL without memory. */
void *python_headers(const struct header *headers, size_t count);
/* Read a tuple of names and values in turn into headers, whose texts live as long as it. */
void python_read_headers(struct header *to, void *flat, size_t count);
/* The bytes of a bytes object; false if it is none. */
bool python_bytes(void *object, struct text *bytes);
/* Report and forget an exception. */
void python_report(void);

#endif
