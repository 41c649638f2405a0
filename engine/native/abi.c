/* The calls into Envoy, and the functions that Envoy calls. One file, however long: a new Envoy minor is one place to look
 * at. It translates, and decides nothing; it reads no byte of a message, and knows nothing of Python. */
#include "abi.h"

#include <stdlib.h>
#include <string.h>

#include "bridge.h"
#include "codec_filter.h"
#include "http_filter.h"
#include "listener_filter.h"

#define CALL(name) envoy_dynamic_module_callback_##name
#define HOOK(type, name, ...)                                              \
    __attribute__((visibility("default"))) type envoy_dynamic_module_on_##name(__VA_ARGS__); \
    type envoy_dynamic_module_on_##name(__VA_ARGS__)

/* Good for its own Envoy minor and the next: 1.39 and 1.40. */
static const char VERSION[] = "v0.1.0";

HOOK(const char *, program_init, void) { return VERSION; }

/* ---- log */

void CALL(log)(int level, struct text message);

void abi_log_error(const char *text) { CALL(log)(4, (struct text){text, strlen(text)}); }

/* ---- chunks */

static bool make_room(struct chunks *chunks, size_t count) {
    chunks->size = 0;
    chunks->count = count;
    chunks->at = chunks->few;
    if (count > sizeof chunks->few / sizeof *chunks->few) chunks->at = malloc(count * sizeof *chunks->at);
    return chunks->at;
}

static bool measure(struct chunks *chunks) {
    for (size_t i = 0; i < chunks->count; i++) chunks->size += chunks->at[i].size;
    return true;
}

void chunks_free(struct chunks *chunks) {
    if (chunks->at != chunks->few) free(chunks->at);
}

void chunks_copy(const struct chunks *chunks, void *to, size_t size) {
    uint8_t *at = to;
    for (size_t i = 0; i < chunks->count && size; i++) {
        size_t part = chunks->at[i].size < size ? chunks->at[i].size : size;
        if (part) memcpy(at, chunks->at[i].data, part);
        at += part;
        size -= part;
    }
}

/* ---- network filter: calls */

size_t CALL(network_filter_get_read_buffer_chunks_size)(void *);
bool CALL(network_filter_get_read_buffer_chunks)(void *, struct text *);
size_t CALL(network_filter_get_write_buffer_chunks_size)(void *);
bool CALL(network_filter_get_write_buffer_chunks)(void *, struct text *);
bool CALL(network_filter_drain_read_buffer)(void *, size_t);
bool CALL(network_filter_drain_write_buffer)(void *, size_t);
bool CALL(network_filter_append_read_buffer)(void *, struct text);
bool CALL(network_filter_append_write_buffer)(void *, struct text);
void CALL(network_filter_inject_read_data)(void *, struct text, bool);
void CALL(network_filter_inject_write_data)(void *, struct text, bool);
int CALL(network_filter_read_disable)(void *, bool);
void CALL(network_filter_enable_half_close)(void *, bool);
void CALL(network_filter_close_with_details)(void *, int, struct text);
uint64_t CALL(network_filter_get_connection_id)(void *);
bool CALL(network_filter_get_local_address)(void *, struct text *, uint32_t *);
void *CALL(network_filter_scheduler_new)(void *);
void CALL(network_filter_scheduler_delete)(void *);
void CALL(network_filter_scheduler_commit)(void *, uint64_t);
int CALL(network_filter_config_define_counter)(void *, struct text, size_t *);
int CALL(network_filter_config_define_gauge)(void *, struct text, size_t *);
int CALL(network_filter_increment_counter)(void *, size_t, uint64_t);
int CALL(network_filter_config_increment_counter)(void *, size_t, uint64_t);
int CALL(network_filter_increment_gauge)(void *, size_t, uint64_t);
int CALL(network_filter_decrement_gauge)(void *, size_t, uint64_t);

bool abi_network_read_chunks(void *envoy, struct chunks *chunks) {
    if (!make_room(chunks, CALL(network_filter_get_read_buffer_chunks_size)(envoy))) return false;
    if (chunks->count && !CALL(network_filter_get_read_buffer_chunks)(envoy, chunks->at)) chunks->count = 0;
    return measure(chunks);
}

bool abi_network_write_chunks(void *envoy, struct chunks *chunks) {
    if (!make_room(chunks, CALL(network_filter_get_write_buffer_chunks_size)(envoy))) return false;
    if (chunks->count && !CALL(network_filter_get_write_buffer_chunks)(envoy, chunks->at)) chunks->count = 0;
    return measure(chunks);
}

void abi_network_drain_read(void *envoy, size_t size) { CALL(network_filter_drain_read_buffer)(envoy, size); }
void abi_network_drain_write(void *envoy, size_t size) { CALL(network_filter_drain_write_buffer)(envoy, size); }

void abi_network_append_read(void *envoy, const void *data, size_t size) {
    CALL(network_filter_append_read_buffer)(envoy, (struct text){data, size});
}

void abi_network_append_write(void *envoy, const void *data, size_t size) {
    CALL(network_filter_append_write_buffer)(envoy, (struct text){data, size});
}

void abi_network_inject_read(void *envoy, const void *data, size_t size, bool end_stream) {
    CALL(network_filter_inject_read_data)(envoy, (struct text){data, size}, end_stream);
}

void abi_network_inject_write(void *envoy, const void *data, size_t size, bool end_stream) {
    CALL(network_filter_inject_write_data)(envoy, (struct text){data, size}, end_stream);
}

void abi_network_read_disable(void *envoy, bool disable) { CALL(network_filter_read_disable)(envoy, disable); }
void abi_network_enable_half_close(void *envoy, bool enabled) {
    CALL(network_filter_enable_half_close)(envoy, enabled);
}

void abi_network_close(void *envoy, bool flush, const char *reason) {
    CALL(network_filter_close_with_details)(envoy, flush ? 0 : 1, (struct text){reason, strlen(reason)});
}

uint64_t abi_network_connection_id(void *envoy) { return CALL(network_filter_get_connection_id)(envoy); }

bool abi_network_local_address(void *envoy, struct text *address, uint32_t *port) {
    return CALL(network_filter_get_local_address)(envoy, address, port);
}

void *abi_network_scheduler_new(void *envoy) { return CALL(network_filter_scheduler_new)(envoy); }
void abi_network_scheduler_delete(void *scheduler) { CALL(network_filter_scheduler_delete)(scheduler); }
void abi_network_scheduler_commit(void *scheduler, uint64_t event) {
    CALL(network_filter_scheduler_commit)(scheduler, event);
}

size_t abi_network_define_counter(void *envoy_config, struct text name) {
    size_t number = 0;
    CALL(network_filter_config_define_counter)(envoy_config, name, &number);
    return number;
}

size_t abi_network_define_gauge(void *envoy_config, struct text name) {
    size_t number = 0;
    CALL(network_filter_config_define_gauge)(envoy_config, name, &number);
    return number;
}

void abi_network_count(void *envoy, size_t counter, uint64_t value) {
    CALL(network_filter_increment_counter)(envoy, counter, value);
}

void abi_network_config_count(void *envoy_config, size_t counter, uint64_t value) {
    CALL(network_filter_config_increment_counter)(envoy_config, counter, value);
}

void abi_network_gauge_add(void *envoy, size_t gauge, int64_t value) {
    if (value > 0) CALL(network_filter_increment_gauge)(envoy, gauge, (uint64_t)value);
    if (value < 0) CALL(network_filter_decrement_gauge)(envoy, gauge, (uint64_t)-value);
}

/* ---- network filter: hooks */

HOOK(void *, network_filter_config_new, void *envoy, struct text name, struct text config) {
    return text_is(name, TEXT("codec")) ? codec_config_new(envoy, config) : NULL;
}
HOOK(void, network_filter_config_destroy, void *config) { codec_config_free(config); }
HOOK(void *, network_filter_new, void *config, void *envoy) { return codec_filter_new(config, envoy); }
HOOK(int, network_filter_new_connection, void *envoy, void *filter) {
    (void)envoy;
    return codec_filter_connected(filter);
}
HOOK(int, network_filter_read, void *envoy, void *filter, size_t size, bool end_stream) {
    (void)envoy;
    return codec_filter_read(filter, size, end_stream);
}
HOOK(int, network_filter_write, void *envoy, void *filter, size_t size, bool end_stream) {
    (void)envoy;
    return codec_filter_write(filter, size, end_stream);
}
HOOK(void, network_filter_event, void *envoy, void *filter, int event) {
    (void)envoy;
    if (event == 0 || event == 1) codec_filter_closed(filter); /* by the client, by us */
}
HOOK(void, network_filter_above_write_buffer_high_watermark, void *envoy, void *filter) {
    (void)envoy;
    codec_filter_watermark(filter, true);
}
HOOK(void, network_filter_below_write_buffer_low_watermark, void *envoy, void *filter) {
    (void)envoy;
    codec_filter_watermark(filter, false);
}
HOOK(void, network_filter_scheduled, void *envoy, void *filter, uint64_t event) {
    (void)envoy;
    (void)event;
    codec_filter_scheduled(filter);
}
HOOK(void, network_filter_config_scheduled, void *config, uint64_t event) { (void)config, (void)event; }
HOOK(void, network_filter_http_callout_done, void *envoy, void *filter, uint64_t id, int result, struct header *headers,
     size_t count, struct text *body, size_t chunks) {
    (void)envoy, (void)filter, (void)id, (void)result, (void)headers, (void)count, (void)body, (void)chunks;
}
HOOK(void, network_filter_destroy, void *filter) { codec_filter_free(filter); }

/* ---- bridge: calls */

size_t CALL(upstream_http_tcp_bridge_get_request_headers_size)(void *);
bool CALL(upstream_http_tcp_bridge_get_request_headers)(void *, struct header *);
size_t CALL(upstream_http_tcp_bridge_get_request_buffer_chunks_size)(void *);
void CALL(upstream_http_tcp_bridge_get_request_buffer)(void *, struct text *, size_t *);
size_t CALL(upstream_http_tcp_bridge_get_response_buffer_chunks_size)(void *);
void CALL(upstream_http_tcp_bridge_get_response_buffer)(void *, struct text *, size_t *);
void CALL(upstream_http_tcp_bridge_send_upstream_data)(void *, struct text, bool);
void CALL(upstream_http_tcp_bridge_send_response_data)(void *, struct text, bool);
void CALL(upstream_http_tcp_bridge_send_response_headers)(void *, uint32_t, struct header *, size_t, bool);

void abi_bridge_request_headers(void *envoy, struct header **headers, size_t *count, struct header *few, size_t room) {
    *count = CALL(upstream_http_tcp_bridge_get_request_headers_size)(envoy);
    *headers = *count <= room ? few : malloc(*count * sizeof **headers);
    if (!*headers || !CALL(upstream_http_tcp_bridge_get_request_headers)(envoy, *headers)) *count = 0;
}

size_t abi_bridge_request_size(void *envoy) {
    struct chunks chunks;
    if (!make_room(&chunks, CALL(upstream_http_tcp_bridge_get_request_buffer_chunks_size)(envoy))) return 1;
    CALL(upstream_http_tcp_bridge_get_request_buffer)(envoy, chunks.at, &chunks.count);
    measure(&chunks);
    chunks_free(&chunks);
    return chunks.size;
}

bool abi_bridge_response_chunks(void *envoy, struct chunks *chunks) {
    if (!make_room(chunks, CALL(upstream_http_tcp_bridge_get_response_buffer_chunks_size)(envoy))) return false;
    CALL(upstream_http_tcp_bridge_get_response_buffer)(envoy, chunks->at, &chunks->count);
    return measure(chunks);
}

void abi_bridge_send_upstream(void *envoy, const void *data, size_t size, bool end_stream) {
    CALL(upstream_http_tcp_bridge_send_upstream_data)(envoy, (struct text){data, size}, end_stream);
}

void abi_bridge_send_response(void *envoy, uint32_t status, struct header *headers, size_t count, bool end_stream) {
    CALL(upstream_http_tcp_bridge_send_response_headers)(envoy, status, headers, count, end_stream);
}

void abi_bridge_end_response(void *envoy) {
    CALL(upstream_http_tcp_bridge_send_response_data)(envoy, (struct text){"", 0}, true);
}

/* ---- bridge: hooks */

HOOK(void *, upstream_http_tcp_bridge_config_new, void *envoy, struct text name, struct text config) {
    static int the_bridge;
    (void)envoy, (void)config; /* all that it needs is in the registered request */
    return text_is(name, TEXT("codec")) ? &the_bridge : NULL;
}
HOOK(void, upstream_http_tcp_bridge_config_destroy, void *config) { (void)config; }
HOOK(void *, upstream_http_tcp_bridge_new, void *config, void *envoy) {
    (void)config;
    return bridge_new(envoy);
}
HOOK(void, upstream_http_tcp_bridge_encode_headers, void *envoy, void *bridge, bool end_stream) {
    (void)envoy;
    bridge_request_headers(bridge, end_stream);
}
HOOK(void, upstream_http_tcp_bridge_encode_data, void *envoy, void *bridge, bool end_stream) {
    (void)envoy;
    bridge_request_data(bridge, end_stream);
}
HOOK(void, upstream_http_tcp_bridge_encode_trailers, void *envoy, void *bridge) {
    (void)envoy;
    bridge_request_trailers(bridge);
}
HOOK(void, upstream_http_tcp_bridge_on_upstream_data, void *envoy, void *bridge, bool end_stream) {
    (void)envoy;
    bridge_response_data(bridge, end_stream);
}
HOOK(void, upstream_http_tcp_bridge_destroy, void *bridge) { bridge_free(bridge); }

/* ---- HTTP filter: calls */

enum { METADATA_OF_CLUSTER = 2 };

bool CALL(http_get_header)(void *, int, struct text, struct text *, size_t, size_t *);
size_t CALL(http_get_headers_size)(void *, int);
bool CALL(http_get_headers)(void *, int, struct header *);
bool CALL(http_set_header)(void *, int, struct text, struct text);
bool CALL(http_filter_get_attribute_string)(void *, int, struct text *);
bool CALL(http_filter_get_attribute_int)(void *, int, uint64_t *);
bool CALL(http_get_filter_state_bytes)(void *, struct text, struct text *);
bool CALL(http_set_filter_state_bytes)(void *, struct text, struct text);
bool CALL(http_get_cluster_name)(void *, struct text *);
bool CALL(http_get_metadata_string)(void *, int, struct text, struct text, struct text *);
void CALL(http_clear_route_cache)(void *);
void *CALL(http_get_active_span)(void *);
bool CALL(http_span_get_trace_id)(void *, struct text *);
void CALL(http_send_response)(void *, uint32_t, struct header *, size_t, struct text, struct text);
int CALL(http_filter_config_define_counter)(void *, struct text, struct text *, size_t, size_t *);
int CALL(http_filter_increment_counter)(void *, size_t, struct text *, size_t, uint64_t);

bool abi_http_header(void *envoy, enum abi_headers kind, struct text name, struct text *value, size_t *count) {
    return CALL(http_get_header)(envoy, kind, name, value, 0, count);
}
size_t abi_http_headers_size(void *envoy, enum abi_headers kind) { return CALL(http_get_headers_size)(envoy, kind); }
bool abi_http_headers(void *envoy, enum abi_headers kind, struct header *headers) {
    return CALL(http_get_headers)(envoy, kind, headers);
}
void abi_http_set_header(void *envoy, enum abi_headers kind, struct text name, struct text value) {
    CALL(http_set_header)(envoy, kind, name, value);
}
void abi_http_remove_header(void *envoy, enum abi_headers kind, struct text name) {
    CALL(http_set_header)(envoy, kind, name, (struct text){NULL, 0});
}
bool abi_http_text(void *envoy, enum abi_attribute attribute, struct text *value) {
    return CALL(http_filter_get_attribute_string)(envoy, attribute, value);
}
bool abi_http_number(void *envoy, enum abi_attribute attribute, uint64_t *value) {
    return CALL(http_filter_get_attribute_int)(envoy, attribute, value);
}

bool abi_http_state(void *envoy, struct text name, struct text *value) {
    return CALL(http_get_filter_state_bytes)(envoy, name, value);
}
void abi_http_set_state(void *envoy, struct text name, struct text value) {
    CALL(http_set_filter_state_bytes)(envoy, name, value);
}

bool abi_http_cluster(void *envoy, bool *marked) {
    struct text value;
    *marked = CALL(http_get_metadata_string)(envoy, METADATA_OF_CLUSTER, TEXT("metaprotocol"), TEXT("bridge"), &value) &&
              text_is(value, TEXT("codec"));
    return *marked || CALL(http_get_cluster_name)(envoy, &value);
}

bool abi_http_trace(void *envoy, struct text *id) {
    void *span = CALL(http_get_active_span)(envoy);
    return span && CALL(http_span_get_trace_id)(span, id) && id->size;
}

void abi_http_clear_route(void *envoy) { CALL(http_clear_route_cache)(envoy); }

void abi_http_answer(void *envoy, uint32_t status, struct text details) {
    CALL(http_send_response)(envoy, status, NULL, 0, (struct text){NULL, 0}, details);
}

size_t abi_http_define_counter(void *envoy_config, struct text name) {
    size_t number = 0;
    CALL(http_filter_config_define_counter)(envoy_config, name, NULL, 0, &number);
    return number;
}

void abi_http_count(void *envoy, size_t counter, uint64_t value) {
    CALL(http_filter_increment_counter)(envoy, counter, NULL, 0, value);
}

/* ---- HTTP filter: hooks */

HOOK(void *, http_filter_config_new, void *envoy, struct text name, struct text config) {
    return http_config_new(envoy, name, config);
}
HOOK(void, http_filter_config_destroy, void *config) { http_config_free(config); }
HOOK(void *, http_filter_new, void *config, void *envoy) { return http_filter_new(config, envoy); }
HOOK(int, http_filter_request_headers, void *envoy, void *filter, bool end_stream) {
    (void)envoy, (void)end_stream;
    /* A cluster that refuses a connection at once has ended the attempt, and Envoy 1.39 goes on with its filters. */
    return filter ? http_filter_request(filter) : ABI_CONTINUE;
}
HOOK(int, http_filter_request_body, void *envoy, void *filter, bool end_stream) {
    (void)envoy, (void)filter, (void)end_stream;
    return 0;
}
HOOK(int, http_filter_request_trailers, void *envoy, void *filter) {
    (void)envoy, (void)filter;
    return 0;
}
HOOK(int, http_filter_response_headers, void *envoy, void *filter, bool end_stream) {
    (void)envoy, (void)end_stream;
    return filter ? http_filter_response(filter) : ABI_CONTINUE;
}
HOOK(int, http_filter_response_body, void *envoy, void *filter, bool end_stream) {
    (void)envoy, (void)filter, (void)end_stream;
    return 0;
}
HOOK(int, http_filter_response_trailers, void *envoy, void *filter) {
    (void)envoy, (void)filter;
    return 0;
}
HOOK(void, http_filter_stream_complete, void *envoy, void *filter) { (void)envoy, http_filter_complete(filter); }
HOOK(void, http_filter_destroy, void *filter) { http_filter_free(filter); }
HOOK(void, http_filter_scheduled, void *envoy, void *filter, uint64_t event) { (void)envoy, (void)filter, (void)event; }
HOOK(void, http_filter_config_scheduled, void *envoy, void *config, uint64_t event) {
    (void)envoy, (void)config, (void)event;
}
HOOK(void, http_filter_downstream_above_write_buffer_high_watermark, void *envoy, void *filter) {
    (void)envoy, (void)filter;
}
HOOK(void, http_filter_downstream_below_write_buffer_low_watermark, void *envoy, void *filter) {
    (void)envoy, (void)filter;
}
/* Callouts are not used, yet Envoy loads no filter without their hooks. */
HOOK(void, http_filter_http_callout_done, void *envoy, void *filter, uint64_t id, int result, struct header *headers,
     size_t count, struct text *body, size_t chunks) {
    (void)envoy, (void)filter, (void)id, (void)result, (void)headers, (void)count, (void)body, (void)chunks;
}
HOOK(void, http_filter_http_stream_headers, void *envoy, void *filter, uint64_t id, struct header *headers, size_t count,
     bool end_stream) {
    (void)envoy, (void)filter, (void)id, (void)headers, (void)count, (void)end_stream;
}
HOOK(void, http_filter_http_stream_data, void *envoy, void *filter, uint64_t id, const struct text *data, size_t count,
     bool end_stream) {
    (void)envoy, (void)filter, (void)id, (void)data, (void)count, (void)end_stream;
}
HOOK(void, http_filter_http_stream_trailers, void *envoy, void *filter, uint64_t id, struct header *trailers,
     size_t count) {
    (void)envoy, (void)filter, (void)id, (void)trailers, (void)count;
}
HOOK(void, http_filter_http_stream_complete, void *envoy, void *filter, uint64_t id) {
    (void)envoy, (void)filter, (void)id;
}
HOOK(void, http_filter_http_stream_reset, void *envoy, void *filter, uint64_t id, int reason) {
    (void)envoy, (void)filter, (void)id, (void)reason;
}

/* ---- listener filter */

bool CALL(listener_filter_get_buffer_chunk)(void *, struct text *);
void CALL(listener_filter_set_requested_application_protocols)(void *, struct text *, size_t);

bool abi_listener_bytes(void *envoy, struct text *bytes) { return CALL(listener_filter_get_buffer_chunk)(envoy, bytes); }

void abi_listener_set_application_protocol(void *envoy, struct text protocol) {
    CALL(listener_filter_set_requested_application_protocols)(envoy, &protocol, 1);
}

HOOK(void *, listener_filter_config_new, void *envoy, struct text name, struct text config) {
    (void)envoy;
    return text_is(name, TEXT("codec")) ? listener_config_new(config) : NULL;
}
HOOK(void, listener_filter_config_destroy, void *config) { listener_config_free(config); }
HOOK(void *, listener_filter_new, void *config, void *envoy) { return listener_filter_new(config, envoy); }
HOOK(int, listener_filter_on_accept, void *envoy, void *filter) {
    (void)envoy, (void)filter;
    return ABI_STOP; /* until bytes have come */
}
HOOK(int, listener_filter_on_data, void *envoy, void *filter, size_t size) {
    (void)envoy, (void)size;
    return listener_filter_data(filter);
}
HOOK(void, listener_filter_on_close, void *envoy, void *filter) { (void)envoy, (void)filter; }
HOOK(size_t, listener_filter_get_max_read_bytes, void *envoy, void *filter) {
    (void)envoy;
    return listener_filter_wanted(filter);
}
HOOK(void, listener_filter_destroy, void *filter) { listener_filter_free(filter); }
HOOK(void, listener_filter_scheduled, void *envoy, void *filter, uint64_t event) { (void)envoy, (void)filter, (void)event; }
HOOK(void, listener_filter_config_scheduled, void *envoy, void *config, uint64_t event) {
    (void)envoy, (void)config, (void)event;
}
HOOK(void, listener_filter_http_callout_done, void *envoy, void *filter, uint64_t id, int result, struct header *headers,
     size_t count, struct text *body, size_t chunks) {
    (void)envoy, (void)filter, (void)id, (void)result, (void)headers, (void)count, (void)body, (void)chunks;
}
