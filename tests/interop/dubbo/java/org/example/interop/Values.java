package org.example.interop;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** The values that are sent for the sake of their encoding, by name. */
final class Values {
    static final Map<String, Object> BY_NAME = new LinkedHashMap<>();

    /** Text outside ASCII, with surrogate pairs. */
    static final String UNICODE = "Zo\u00eb \u4e16\u754c \ud83d\ude00 \ud834\udd1e end";

    // Where hessian2 changes the number of bytes that a number takes.
    private static final int[] INTS = {
        0, 1, -1, -0x10, -0x11, 0x2f, 0x30, -0x800, -0x801, 0x7ff, 0x800,
        -0x40000, -0x40001, 0x3ffff, 0x40000, Integer.MIN_VALUE, Integer.MAX_VALUE
    };
    private static final long[] LONGS = {
        0, 1, -1, -8, -9, 15, 16, -0x800, -0x801, 0x7ff, 0x800, -0x40000, -0x40001, 0x3ffff, 0x40000,
        Integer.MIN_VALUE, Integer.MAX_VALUE, Integer.MIN_VALUE - 1L, Integer.MAX_VALUE + 1L,
        Long.MIN_VALUE, Long.MAX_VALUE
    };
    private static final double[] DOUBLES = {
        0, 1, -1, -128, -129, 127, 128, -32768, -32769, 32767, 32768, 0.001, 1.5, 3.14159, 1e300,
        Double.MIN_VALUE, Double.MAX_VALUE, Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY
    };
    // Where the length takes another form, or a chunk ends: 4093 in hessian-lite 3, 8189 in 4, 32768 for texts.
    private static final int[] SIZES = {
        0, 1, 15, 16, 31, 32, 1023, 1024, 4092, 4093, 4094, 8188, 8189, 8190, 32767, 32768, 32769, 65536, 70000
    };

    static {
        for (int number : INTS) {
            BY_NAME.put("int " + number, number);
        }
        for (long number : LONGS) {
            BY_NAME.put("long " + number, number);
        }
        for (double number : DOUBLES) {
            BY_NAME.put("double " + number, number);
        }
        for (int size : SIZES) {
            BY_NAME.put("bytes " + size, data(size));
            BY_NAME.put("text " + size, "x".repeat(size));
        }
        BY_NAME.put("text 1048576", ("Zo\u00eb \ud83d\ude00 and so on, ").repeat(1 << 20).substring(0, 1 << 20));
        BY_NAME.put("pairs across a chunk", "x" + "\ud83d\ude00".repeat(0x4000));
        BY_NAME.put("unicode", UNICODE);
        BY_NAME.put("lone surrogate", "a \ud83d b \ude00 c \u0000 d");
        BY_NAME.put("null", null);
        BY_NAME.put("true", true);
        BY_NAME.put("false", false);
        BY_NAME.put("date", new Date(1_700_000_000_123L));
        BY_NAME.put("date in minutes", new Date(1_700_000_040_000L));
        BY_NAME.put("decimal", new BigDecimal("12345678901234567890.0123456789"));
        BY_NAME.put("enum", Node.Color.GREEN);
        BY_NAME.put("int array", new int[] {1, 2, 300_000});
        BY_NAME.put("string array", new String[] {"a", null, "\ud83d\ude00"});
        BY_NAME.put("empty list", new ArrayList<>());
        BY_NAME.put("list of 300", new ArrayList<>(java.util.Collections.nCopies(300, "item")));
        BY_NAME.put("nested lists", nested(60));
        BY_NAME.put("empty map", new HashMap<>());
        BY_NAME.put("map", new HashMap<>(Map.of("text", UNICODE, "number", 7, "big", 1L << 40, "list", new ArrayList<>())));
        BY_NAME.put("map of int keys", new HashMap<>(Map.of(1, "one", 2, "two")));
        BY_NAME.put("object", node());
        BY_NAME.put("shared", shared());
        BY_NAME.put("circle", circle());
        BY_NAME.put("1000 objects", nodes(1000));
    }

    private Values() {}

    static Object get(String name) {
        if (!BY_NAME.containsKey(name)) {
            throw new IllegalArgumentException("there is no value " + name);
        }
        return BY_NAME.get(name);
    }

    /** Returns a text by its name in the table, or else the name itself. */
    static String text(String name) {
        return BY_NAME.containsKey(name) ? (String) BY_NAME.get(name) : name;
    }

    static byte[] data(int size) {
        byte[] data = new byte[size];
        for (int index = 0; index < size; index++) {
            data[index] = (byte) (index * 7);
        }
        return data;
    }

    static Node node() {
        Node node = new Node("\u4e16\u754c");
        node.setNumber(300_000);
        node.setBig(1L << 40);
        node.setReal(3.14159);
        node.setFlag(true);
        node.setData(data(20));
        node.setMoment(new Date(1_700_000_000_123L));
        node.setColor(Node.Color.RED);
        node.setTags(new ArrayList<>(List.of("a", "b")));
        node.setSizes(new HashMap<>(Map.of("small", 1)));
        node.setNext(new Node("next"));
        return node;
    }

    /** Says whether what came back is what was sent, and holds the same objects twice where that did. */
    static boolean same(Object sent, Object received) {
        return same(sent, received, new java.util.IdentityHashMap<>());
    }

    private static boolean same(Object sent, Object received, Map<Object, Object> seen) {
        if (sent == null || received == null || isScalar(sent)) {
            return Objects.deepEquals(sent, received);
        }
        if (seen.putIfAbsent(sent, received) != null) {
            return seen.get(sent) == received;
        }
        if (sent instanceof Node left && received instanceof Node right) {
            return Objects.equals(left.getName(), right.getName())
                    && left.getNumber() == right.getNumber()
                    && left.getBig() == right.getBig()
                    && left.getReal() == right.getReal()
                    && left.isFlag() == right.isFlag()
                    && Arrays.equals(left.getData(), right.getData())
                    && Objects.equals(left.getMoment(), right.getMoment())
                    && left.getColor() == right.getColor()
                    && same(left.getTags(), right.getTags(), seen)
                    && same(left.getSizes(), right.getSizes(), seen)
                    && same(left.getNext(), right.getNext(), seen)
                    && same(left.getChildren(), right.getChildren(), seen);
        }
        if (sent instanceof List<?> left && received instanceof List<?> right) {
            boolean equal = left.size() == right.size();
            for (int index = 0; equal && index < left.size(); index++) {
                equal = same(left.get(index), right.get(index), seen);
            }
            return equal;
        }
        if (sent instanceof Map<?, ?> left && received instanceof Map<?, ?> right) {
            return left.keySet().equals(right.keySet())
                    && left.keySet().stream().allMatch(key -> same(left.get(key), right.get(key), seen));
        }
        return false;
    }

    private static boolean isScalar(Object value) {
        return !(value instanceof Node || value instanceof List || value instanceof Map);
    }

    private static Object nested(int depth) {
        List<Object> outer = new ArrayList<>();
        List<Object> inner = outer;
        for (int level = 1; level < depth; level++) {
            List<Object> next = new ArrayList<>();
            inner.add(next);
            inner = next;
        }
        return outer;
    }

    private static Object shared() {
        Node node = node();
        List<Object> list = new ArrayList<>();
        list.add(node);
        list.add(node);
        list.add(node.getNext());
        list.add(new HashMap<>(Map.of("again", node)));
        return list;
    }

    private static Object circle() {
        Node first = new Node("first");
        first.setNext(new Node("second"));
        first.getNext().setNext(first);
        first.getChildren().add(first);
        return first;
    }

    private static Object nodes(int count) {
        List<Object> list = new ArrayList<>();
        for (int number = 0; number < count; number++) {
            Node node = new Node("node " + number);
            node.setNumber(number);
            list.add(node);
        }
        return list;
    }
}
