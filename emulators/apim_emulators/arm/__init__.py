"""Azure Resource Manager: who may do what where, and the way to the resource providers."""
