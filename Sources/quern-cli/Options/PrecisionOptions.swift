import ArgumentParser
import Engine
import Quants

/// What commands take that run a model.
struct PrecisionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      How finely activations meet weights: exact, in f32; bf16, rounded to bfloat16; deployed, rounded as llama.cpp's CPU backend does for \
      the type of the weights, which predicts what it will answer.
      """, valueName: "name"))
  var precision = Precision.exact
}

extension Precision: ExpressibleByArgument {}
