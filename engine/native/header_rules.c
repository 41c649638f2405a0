/* Tells whether a message's headers came out of Envoy's filters as they went in. */
#include "header_rules.h"

bool header_counts(const struct header_rules *rules, struct text name) {
    if (name.size && name.data[0] == ':') return false;
    for (size_t i = 0; i < rules->beginnings_count; i++) {
        if (text_begins(name, rules->beginnings[i])) return false;
    }
    for (size_t i = 0; i < rules->names_count; i++) {
        if (text_is(name, rules->names[i])) return false;
    }
    return true;
}

bool headers_same(const struct header_rules *rules, const struct header *before, size_t before_count,
                  const struct header *after, size_t after_count) {
    const struct header *next = before, *end = before + before_count;
    for (size_t i = 0; i < after_count; i++) {
        if (next < end && text_is(after[i].name, next->name)) {
            if (!text_is(after[i].value, next->value)) return false;
            next++;
        } else if (header_counts(rules, after[i].name)) {
            return false;
        }
    }
    return next == end;
}
