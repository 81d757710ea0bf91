"""How a statement is read: which function is asked for, and its examples in every form that people use."""
