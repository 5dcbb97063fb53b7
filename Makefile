# The two commands of the README are `make demo` and `make test`; both install what is missing first.
.PHONY: demo test test-browser build docs release setup format lint fuzz mutations check-slow faults neon avx512 clean

build: setup
	swift build -c release --product quern

demo: build
	scripts/demo.sh

test: setup
	swift build -c release --build-tests
	swift test -c release --skip-build

# The report of `validate` in a browser (docs/validation.md); installs Debian's chromium where it may.
test-browser: build
	Tests/Browser/report.sh --make out/browser.html
	Tests/Browser/report.sh out/browser.html

# Pages about the library, in out/docs; a warning fails. The plugin that makes them is fetched for this alone (docs/dependencies.md).
docs: setup
	QUERN_DOCS=1 swift package --allow-writing-to-directory out/docs generate-documentation --target Quern \
	  --output-path out/docs --transform-for-static-hosting --warnings-as-errors

# The program of a release, as one file (RELEASE.md).
release:
	scripts/release.sh

setup:
	@scripts/setup.sh

format:
	swift format -i -r Package.swift Sources Tests Examples

lint:
	swift format lint --strict -r Package.swift Sources Tests Examples

# Every kind of input under libFuzzer, half an hour in all (FUZZ_SECONDS for each); see docs/fuzzing.md.
fuzz: setup
	Tests/Fuzz/fuzz.sh $(FUZZ_TARGETS)

# Two hundred thousand mutations of good files; `make test` runs a tenth of them.
mutations: setup
	QUERN_FUZZ=200000 swift test -c release --filter MutationTests

# What `.ci/run` has no time for (CONTRIBUTING.md): the kernels in every way, the upper rooms under sanitizers.
check-slow: setup
	Tests/KernelsInC/native.sh
	Tests/KernelsInC/neon.sh
	scripts/sanitize.sh '^(Tokenizers|Architectures|Conversion|Evaluation|Command)Tests\.'

# Every system call of convert, quantize and restore fails, is interrupted, or is the last one, in turn; prints what came of it.
# `make test` tries a fixed choice of them.
faults: setup
	QUERN_FAULTS=all swift test -c release --filter FaultTests

# The NEON kernels under an emulator.
neon:
	Tests/KernelsInC/neon.sh

# The AVX-512 kernels under another.
avx512: build
	Tests/KernelsInC/avx512.sh

clean:
	rm -rf .build .build-* out
