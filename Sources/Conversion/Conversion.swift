import Architectures
import Containers
import Base

/// The one entrance: sources and options in, a checked plan out.
///
/// `plan.check()` tells whether its outputs can be written, and `plan.run(…)` does what the plan says.
package enum Conversion {
  /// Opens the sources and plans their conversion.
  ///
  /// `source` is a folder, file or cached model; several, separated by commas, are a text GGUF and its `mmproj`. `threads`
  /// are for looking at values, where that is needed to decide a type. Throws whatever makes the conversion impossible;
  /// nothing has been written then.
  package static func plan(
    source: String, options: ConversionOptions, threads: Int = Threads.available
  ) throws(CheckpointError) -> Plan {
    var checkpoints: [Checkpoint] = []
    // A comma separates sources unless a file really has one in its name.
    let names = FileSystem.exists(source) ? [source] : source.split(separator: ",").map(String.init)
    for name in names.isEmpty ? [source] : names { checkpoints.append(try Containers.open(name)) }
    return try plan(checkpoints, options: options, threads: threads)
  }

  /// Plans the conversion of opened checkpoints.
  package static func plan(
    _ checkpoints: [Checkpoint], options: ConversionOptions, threads: Int = Threads.available
  ) throws(CheckpointError) -> Plan {
    var prepared: [Checkpoint] = []
    for checkpoint in checkpoints {
      try Architectures.requirePlainWeights(checkpoint)
      prepared.append(try Architectures.prepare(checkpoint))
    }
    guard let first = prepared.first else { throw CheckpointError(.fault, "a plan needs a source") }
    if options.visionType != nil, first.format == .gguf || options.target != .gguf {
      throw CheckpointError(
        .usage, "a type of the vision encoder is for a folder whose encoder becomes an mmproj", file: first.path,
        remedy: .chooseType)
    }
    do throws(CheckpointError) {
      var planner = try Planner(prepared, options, threads: threads)
      var plan = try planner.plan()
      let sources = plan.files.flatMap(\.tensors).flatMap(\.sources)
      plan.notes += [options.recipe.baseNote, try WeightSearch.uniformNote(sources)].compactMap { $0 }
      return plan
    } catch {
      throw error.in(file: first.path)
    }
  }
}
