"""BookInfo, Istio's example, over AwesomeRPC: its services, its page, and what a mesh does with its calls."""
