import ArgumentParser
import Quants
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The command line: words in, one library call, one printed result.
@main
struct Quern: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quern",
    abstract: "Convert, quantize and validate open-weight models.",
    discussion: """
      A model is a Hugging Face folder, a .safetensors file or its index, a .gguf file (any shard of a split one), or an \
      owner/name id that is present in the local Hugging Face cache. What it is, is decided by its content.

      Exit codes: 0 done, 1 a check failed, 2 the input is bad, 64 wrong usage, 70 a fault of quern, 74 reading or \
      writing failed.
      """,
    version: quernVersion,
    subcommands: [
      Show.self, Convert.self, Quantize.self, Evaluate.self, Generate.self, TraceCommand.self, Tokenize.self,
      Bench.self,
    ])

  /// Runs the command of the arguments and turns errors into one sentence and an exit code.
  static func main() {
    // Broken pipes and file size limits are errors to report, not reasons to vanish.
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    do {
      var command = try parseAsRoot()
      try Kernels.checkOverride()
      try command.run()
    } catch let error as CheckpointError {
      printError(error.description)
      exit(withCode: error.exitCode)
    } catch {
      exit(withError: error)
    }
  }

  private static func exit(withCode code: Int32) -> Never {
    exit(withError: ExitCode(code))
  }
}
