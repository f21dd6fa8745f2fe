"""The command line `videoinfer`."""
