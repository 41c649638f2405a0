package org.example.interop;

import java.util.LinkedHashMap;
import java.util.Map;

/** Writes what a program reports: one JSON object a line, in ASCII. */
final class Json {
    private Json() {}

    /** Returns an object of alternating names and values: null, booleans, numbers, maps, and texts for the rest. */
    static String object(Object... namesAndValues) {
        Map<String, Object> pairs = new LinkedHashMap<>();
        for (int index = 0; index < namesAndValues.length; index += 2) {
            pairs.put((String) namesAndValues[index], namesAndValues[index + 1]);
        }
        return write(pairs);
    }

    private static String write(Object value) {
        if (value == null || value instanceof Boolean || value instanceof Integer || value instanceof Long) {
            return String.valueOf(value);
        }
        if (value instanceof Map<?, ?> map) {
            StringBuilder text = new StringBuilder("{");
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                text.append(text.length() > 1 ? ", " : "");
                text.append(quote(String.valueOf(entry.getKey()))).append(": ").append(write(entry.getValue()));
            }
            return text.append('}').toString();
        }
        return quote(String.valueOf(value));
    }

    private static String quote(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char unit : text.toCharArray()) {
            if (unit < ' ' || unit > '~' || unit == '"' || unit == '\\') {
                quoted.append(String.format("\\u%04x", (int) unit));
            } else {
                quoted.append(unit);
            }
        }
        return quoted.append('"').toString();
    }
}
