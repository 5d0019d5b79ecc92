"""The order service: places orders, moves them through their states, and keeps everything that happened to them."""
