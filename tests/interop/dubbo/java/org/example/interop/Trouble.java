package org.example.interop;

/** An exception that the service declares. */
public class Trouble extends Exception {
    private static final long serialVersionUID = 1L;

    private int reason;

    public Trouble() {}

    public Trouble(String message, int reason) {
        super(message);
        this.reason = reason;
    }

    public int getReason() {
        return reason;
    }

    public void setReason(int reason) {
        this.reason = reason;
    }

    /** One that the service does not declare. */
    public static class Unchecked extends RuntimeException {
        private static final long serialVersionUID = 1L;

        public Unchecked() {}

        public Unchecked(String message) {
            super(message);
        }
    }
}
