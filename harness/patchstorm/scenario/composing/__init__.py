"""The composed family: storms that are drawn whole, and steered to what has hardly met yet."""
