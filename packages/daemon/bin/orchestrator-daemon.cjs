#!/usr/bin/env node
require("../dist/packed/start.cjs");
