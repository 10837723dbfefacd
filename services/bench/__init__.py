"""The benchmark: complete inquiries on real parts with durability and evidence on, beside a peer and a floor."""
