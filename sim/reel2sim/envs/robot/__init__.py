"""A robot arm beside an object: where it can hold the object, where it stands, how it moves."""
