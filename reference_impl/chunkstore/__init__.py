"""The reference store: resumable uploads that stay right when several replicas share one directory."""

__version__ = "0.1.0"
