import com.alibaba.com.caucho.hessian.io.Hessian2Input;
import com.alibaba.com.caucho.hessian.io.Hessian2Output;
import com.alibaba.com.caucho.hessian.io.SerializerFactory;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.Serializable;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Date;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Says what Java makes of hessian2 values. It reads lines of hex digits, one value each, and answers each line with
 * "ok", the value in words, and the bytes in which Java writes it again; or with "error" and the reason.
 *
 * In words a value is n, T or F; i, l, d, t, s or b and its digits (a double's and a date's are their 64 bits or
 * milliseconds, a string's its UTF-16 units in hex); [type:a,b] or {type:key=value,...} or (class:field=value,...), each
 * with # and its number in front, by which @ refers to it later. What Java has no order for is sorted by its words.
 */
public final class Oracle {
    /** An object with a field of each kind. */
    public static final class Node implements Serializable {
        public int number;
        public long big;
        public double real;
        public boolean flag;
        public String text;
        public byte[] data;
        public Date moment;
        public Object any;
        public List<Object> items;
        public Map<Object, Object> tags;
        public Node next;
    }

    private static final Map<Class<?>, String> ARRAYS = Map.of(
            int[].class, "[int", long[].class, "[long", double[].class, "[double", boolean[].class, "[boolean",
            String[].class, "[string", Object[].class, "[object");

    private final Map<Object, Integer> seen = new IdentityHashMap<>();
    private final StringBuilder words = new StringBuilder();

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.US_ASCII);
        System.setOut(System.err);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(answer(HexFormat.of().parseHex(line)));
        }
    }

    private static String answer(byte[] data) {
        try {
            Hessian2Input input = new Hessian2Input(new ByteArrayInputStream(data));
            input.setSerializerFactory(new SerializerFactory());
            Object value = input.readObject();
            if (input.read() != -1) {
                return "error bytes are left over";
            }
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            Hessian2Output output = new Hessian2Output(bytes);
            output.setSerializerFactory(new SerializerFactory());
            output.writeObject(value);
            output.flush();
            Oracle oracle = new Oracle();
            oracle.say(value);
            return "ok " + oracle.words + " " + HexFormat.of().formatHex(bytes.toByteArray());
        } catch (Throwable error) {
            return "error " + error.toString().replaceAll("[^ -~]", "?");
        }
    }

    private void say(Object value) throws IllegalAccessException {
        if (!sayScalar(value)) {
            Integer number = seen.putIfAbsent(value, seen.size());
            if (number != null) {
                words.append('@').append(number);
                return;
            }
            words.append('#').append(seen.size() - 1);
            sayContainer(value);
        }
    }

    private boolean sayScalar(Object value) {
        if (value == null) {
            words.append('n');
        } else if (value instanceof Boolean flag) {
            words.append(flag ? 'T' : 'F');
        } else if (value instanceof Integer) {
            words.append('i').append(value);
        } else if (value instanceof Long) {
            words.append('l').append(value);
        } else if (value instanceof Double number) {
            words.append('d').append(String.format("%016x", Double.doubleToLongBits(number)));
        } else if (value instanceof Date date) {
            words.append('t').append(date.getTime());
        } else if (value instanceof String text) {
            words.append('s');
            text.chars().forEach(unit -> words.append(String.format("%04x", unit)));
        } else if (value instanceof byte[] bytes) {
            words.append('b').append(HexFormat.of().formatHex(bytes));
        } else {
            return false;
        }
        return true;
    }

    private void sayContainer(Object value) throws IllegalAccessException {
        if (value.getClass().isArray()) {
            List<Object> items = new ArrayList<>();
            for (int index = 0; index < Array.getLength(value); index++) {
                items.add(Array.get(value, index));
            }
            sayItems(ARRAYS.get(value.getClass()), items);
        } else if (value instanceof Collection<?> items) {
            sayItems(value.getClass() == ArrayList.class ? "" : value.getClass().getName(), items);
        } else if (value instanceof Map<?, ?> map) {
            sayPairs('{', value.getClass() == HashMap.class ? "" : value.getClass().getName(), map, '}');
        } else if (value instanceof Throwable error) {
            Map<String, Object> fields = new HashMap<>();
            fields.put("detailMessage", error.getMessage());
            sayPairs('(', value.getClass().getName(), fields, ')');
        } else {
            Map<String, Object> fields = new HashMap<>();
            for (Field field : value.getClass().getFields()) {
                fields.put(field.getName(), field.get(value));
            }
            sayPairs('(', value.getClass().getName(), fields, ')');
        }
    }

    private void sayItems(String type, Collection<?> items) throws IllegalAccessException {
        words.append('[').append(type).append(':');
        String separator = "";
        for (Object item : items) {
            words.append(separator);
            say(item);
            separator = ",";
        }
        words.append(']');
    }

    /** The keys are scalars; their words give the order. */
    private void sayPairs(char opening, String type, Map<?, ?> map, char closing) throws IllegalAccessException {
        Map<String, Object> sorted = new TreeMap<>();
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            Oracle key = new Oracle();
            key.say(entry.getKey());
            sorted.put(key.words.toString(), entry.getValue());
        }
        words.append(opening).append(type).append(':');
        String separator = "";
        for (Map.Entry<String, Object> entry : sorted.entrySet()) {
            words.append(separator).append(entry.getKey()).append('=');
            say(entry.getValue());
            separator = ",";
        }
        words.append(closing);
    }
}
