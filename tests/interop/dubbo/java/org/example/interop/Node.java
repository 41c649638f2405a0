package org.example.interop;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** An object with a field of each kind, which may hold others like it. */
public class Node implements Serializable {
    private static final long serialVersionUID = 1L;

    public enum Color { RED, GREEN }

    private String name;
    private int number;
    private long big;
    private double real;
    private boolean flag;
    private byte[] data;
    private Date moment;
    private Color color;
    private List<String> tags = new ArrayList<>();
    private Map<String, Integer> sizes = new HashMap<>();
    private Node next;
    private List<Node> children = new ArrayList<>();

    public Node() {}

    public Node(String name) {
        this.name = name;
    }

    public String getName() { return name; }

    public void setName(String name) { this.name = name; }

    public int getNumber() { return number; }

    public void setNumber(int number) { this.number = number; }

    public long getBig() { return big; }

    public void setBig(long big) { this.big = big; }

    public double getReal() { return real; }

    public void setReal(double real) { this.real = real; }

    public boolean isFlag() { return flag; }

    public void setFlag(boolean flag) { this.flag = flag; }

    public byte[] getData() { return data; }

    public void setData(byte[] data) { this.data = data; }

    public Date getMoment() { return moment; }

    public void setMoment(Date moment) { this.moment = moment; }

    public Color getColor() { return color; }

    public void setColor(Color color) { this.color = color; }

    public List<String> getTags() { return tags; }

    public void setTags(List<String> tags) { this.tags = tags; }

    public Map<String, Integer> getSizes() { return sizes; }

    public void setSizes(Map<String, Integer> sizes) { this.sizes = sizes; }

    public Node getNext() { return next; }

    public void setNext(Node next) { this.next = next; }

    public List<Node> getChildren() { return children; }

    public void setChildren(List<Node> children) { this.children = children; }
}
