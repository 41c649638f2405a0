/* All that this module knows of Envoy's dynamic module ABI (source/extensions/dynamic_modules/abi/abi.h), retyped: the
 * calls into Envoy, and the functions that Envoy calls. The one place to look at when a new Envoy minor comes.
 *
 * A pointer named `envoy` is Envoy's object. What a call returns as text is Envoy's memory, good until the next call. */
#ifndef MP_ABI_H
#define MP_ABI_H

#include "buffer.h"

/* Chunks of a buffer of Envoy's, as they lie in memory. */
struct chunks {
    size_t count, size; /* of all together */
    struct text *at;
    struct text few[16];
};

void chunks_free(struct chunks *chunks);
/* Copy the first `size` bytes. */
void chunks_copy(const struct chunks *chunks, void *to, size_t size);

/* ---- log */

void abi_log_error(const char *text);

/* ---- network filter */

enum abi_flow { ABI_CONTINUE = 0, ABI_STOP = 1 };

bool abi_network_read_chunks(void *envoy, struct chunks *chunks);
bool abi_network_write_chunks(void *envoy, struct chunks *chunks);
void abi_network_drain_read(void *envoy, size_t size);
void abi_network_drain_write(void *envoy, size_t size);
/* Add to the bytes that the next filter of this read or write gets; only inside its callback. */
void abi_network_append_read(void *envoy, const void *data, size_t size);
void abi_network_append_write(void *envoy, const void *data, size_t size);
/* Hand bytes to the filters after this one, or towards the client, at any time. */
void abi_network_inject_read(void *envoy, const void *data, size_t size, bool end_stream);
void abi_network_inject_write(void *envoy, const void *data, size_t size, bool end_stream);
void abi_network_read_disable(void *envoy, bool disable);
void abi_network_enable_half_close(void *envoy, bool enabled);
/* Close when all that was written has left, or at once. The reason is %CONNECTION_TERMINATION_DETAILS%. */
void abi_network_close(void *envoy, bool flush, const char *reason);
uint64_t abi_network_connection_id(void *envoy);
bool abi_network_local_address(void *envoy, struct text *address, uint32_t *port);

void *abi_network_scheduler_new(void *envoy);
void abi_network_scheduler_delete(void *scheduler);
/* Have codec_filter_scheduled called later, on the worker. Any thread may call this. */
void abi_network_scheduler_commit(void *scheduler, uint64_t event);

size_t abi_network_define_counter(void *envoy_config, struct text name);
size_t abi_network_define_gauge(void *envoy_config, struct text name);
void abi_network_count(void *envoy, size_t counter, uint64_t value);
/* The id of no connection. */
void abi_network_config_count(void *envoy_config, size_t counter, uint64_t value);
void abi_network_gauge_add(void *envoy, size_t gauge, int64_t value);

/* ---- bridge to a TCP connection of a cluster */

void abi_bridge_request_headers(void *envoy, struct header **headers, size_t *count, struct header *few, size_t room);
size_t abi_bridge_request_size(void *envoy);
bool abi_bridge_response_chunks(void *envoy, struct chunks *chunks);
void abi_bridge_send_upstream(void *envoy, const void *data, size_t size, bool end_stream);
/* End a response whose headers have left. */
void abi_bridge_end_response(void *envoy);
void abi_bridge_send_response(void *envoy, uint32_t status, struct header *headers, size_t count, bool end_stream);

/* ---- HTTP filter */

enum abi_headers { ABI_REQUEST_HEADERS = 0, ABI_RESPONSE_HEADERS = 2 };
enum abi_attribute {
    ABI_RESPONSE_CODE_DETAILS = 16,
    ABI_SOURCE_ADDRESS = 24,
    ABI_DESTINATION_ADDRESS = 26,
    ABI_CONNECTION_ID = 28,
    ABI_SERVER_NAME = 30,
    ABI_URI_SAN_PEER = 37,
    ABI_ROUTE_NAME = 61,
};

bool abi_http_header(void *envoy, enum abi_headers kind, struct text name, struct text *value, size_t *count);
size_t abi_http_headers_size(void *envoy, enum abi_headers kind);
bool abi_http_headers(void *envoy, enum abi_headers kind, struct header *headers);
void abi_http_set_header(void *envoy, enum abi_headers kind, struct text name, struct text value);
void abi_http_remove_header(void *envoy, enum abi_headers kind, struct text name);
bool abi_http_text(void *envoy, enum abi_attribute attribute, struct text *value);
/* Bytes of the stream that its filters share, with those of its attempts and mirrors. No client can set them. */
bool abi_http_state(void *envoy, struct text name, struct text *value);
void abi_http_set_state(void *envoy, struct text name, struct text value);
bool abi_http_number(void *envoy, enum abi_attribute attribute, uint64_t *value);
/* True if a cluster was chosen; `marked`: its metadata says that it has the bridge. */
bool abi_http_cluster(void *envoy, bool *marked);
/* The id of the trace that the stream is a part of; false if there is none. */
bool abi_http_trace(void *envoy, struct text *id);
void abi_http_clear_route(void *envoy);
void abi_http_answer(void *envoy, uint32_t status, struct text details);
size_t abi_http_define_counter(void *envoy_config, struct text name);
void abi_http_count(void *envoy, size_t counter, uint64_t value);

/* ---- listener filter */

bool abi_listener_bytes(void *envoy, struct text *bytes);
void abi_listener_set_application_protocol(void *envoy, struct text protocol);

#endif
