import Architectures
import Base
import Containers
import Engine
import Tokenizers

/// A model ready to run: its file, its mathematics and its tokenizer.
package struct OpenedModel: Sendable {
  package let checkpoint: Checkpoint
  /// What to call it in results and errors: the source as it was named.
  package private(set) var name: String
  package let architecture: any Architecture
  package let model: any LanguageModel
  package let tokenizer: Tokenizer
  /// The projector (`mmproj`) that was named with it; nil where none was, though one may lie beside it.
  package private(set) var projector: Checkpoint?
  /// Tokens that end an answer.
  package let stopTokens: Set<Int32>
  /// What to tell about how the model was understood, one sentence each.
  package let notes: [String]

  /// Opens a folder, a safetensors file or index, a GGUF, or a model id of the local cache.
  ///
  /// Weights stay where they are; only headers, vectors and the tokenizer are read.
  /// - Throws: `unsupported` for an unknown family, `missing`
  ///   or `mismatch` naming tensors.
  package init(_ source: String) throws(CheckpointError) {
    try self.init(checkpoint: Containers.open(source), name: source)
  }

  /// The model of an opened checkpoint; called by its path unless it was named otherwise.
  package init(checkpoint: Checkpoint, name: String? = nil) throws(CheckpointError) {
    try Architectures.requirePlainWeights(checkpoint)
    let checkpoint = try Architectures.prepare(checkpoint)
    self.checkpoint = checkpoint
    self.name = name ?? checkpoint.path
    architecture = try Architectures.open(checkpoint)
    model = try architecture.languageModel(checkpoint)
    tokenizer = try TokenizerSource.tokenizer(of: checkpoint)
    notes =
      architecture.notes
      + [
        TokenizerSource.split(of: checkpoint).note, Self.foreignNote(checkpoint, architecture),
        try WeightSearch.uniformNote(checkpoint.tensors),
      ].compactMap { $0 }
    guard tokenizer.vocabularySize <= model.vocabularySize else {
      throw CheckpointError(
        .mismatch,
        "the tokenizer has \(tokenizer.vocabularySize) tokens, the embedding table only \(model.vocabularySize) rows",
        file: checkpoint.path)
    }
    stopTokens = Self.stopTokens(checkpoint, tokenizer, words: type(of: architecture).stopWords)
  }

  /// What to tell of tensors that the family has no use for; conversion refuses them unless it is told to leave them out.
  private static func foreignNote(_ checkpoint: Checkpoint, _ architecture: any Architecture) -> String? {
    let foreign = RuleCheck(architecture.rules, checkpoint).strangers.filter {
      checkpoint.format == .gguf || architecture.reasonToIgnore($0) == nil
    }
    guard !foreign.isEmpty else { return nil }
    return
      "\(counted(foreign.count, "tensor")) of the file \(foreign.count == 1 ? "has" : "have") no place in this family and "
      + "\(foreign.count == 1 ? "is" : "are") not used: \(listed(foreign))"
  }

  /// The same model with a projector, and under another name where one is given.
  package func with(projector: Checkpoint?, name: String? = nil) -> OpenedModel {
    var copy = self
    copy.projector = projector
    copy.name = name ?? self.name
    return copy
  }

  /// The block of the file that guesses tokens for the model; nil where there is none.
  ///
  /// It changes no token, only how soon they come: one that cannot be used, since tensors are missing or damaged, counts as none.
  package func draftBlock() -> (any DraftBlock)? { try? architecture.draftBlock(checkpoint) }

  /// Whether only the projector was named: the rest is another model's.
  package var isProjectorAlone: Bool { projector?.path == name }

  /// The end-of-text tokens of tokenizer, configuration and generation settings, and those of the family's stop words.
  private static func stopTokens(_ checkpoint: Checkpoint, _ tokenizer: Tokenizer, words: [String]) -> Set<Int32> {
    var result: Set<Int32> = []
    if let end = tokenizer.special[.end] { result.insert(end) }
    let config = checkpoint.folder?.config
    for value in [
      config?["eos_token_id"], config?["text_config"]?["eos_token_id"],
      checkpoint.folder?.generationConfig?["eos_token_id"],
    ] {
      for id in value?.arrayValue ?? value.map({ [$0] }) ?? [] {
        if let id = id.intValue.flatMap({ Int32(exactly: $0) }) { result.insert(id) }
      }
    }
    return result.union(words.compactMap { tokenizer.id(of: $0) })
  }

  /// The tokens of a prompt; special tokens written in it are recognised.
  ///
  /// `raw` takes the prompt as it is, otherwise it becomes one user turn.
  /// - Throws: `mismatch` when nothing is left, and what `ChatFormat`
  ///   throws.
  package func promptTokens(_ prompt: String, raw: Bool) throws(CheckpointError) -> [Int32] {
    var tokens = try tokenizer.encode(raw ? prompt : ChatFormat.userTurn(prompt, for: checkpoint))
    // Chat templates write the beginning of the sequence themselves, and so may a prompt.
    if !tokens.isEmpty, let beginning = tokenizer.beginning, tokens[0] != beginning { tokens.insert(beginning, at: 0) }
    guard !tokens.isEmpty else { throw CheckpointError(.mismatch, "the prompt is empty", file: name) }
    return tokens
  }

  /// Continues what a session has read by up to `count` tokens, until one that ends an answer, which is left out.
  ///
  /// - Throws: `malformed` when logits are not numbers, before a token is chosen by them.
  package func answer(
    _ count: Int, session: inout Session, sampler: inout Sampler, onToken: (Int32) -> Void = { _ in }
  ) throws(CheckpointError) -> [Int32] {
    var tokens: [Int32] = []
    do throws(CheckpointError) {
      while tokens.count < count {
        try LogitCheck.check(session.logits)
        // One token at a time: the session would go on with logits that nobody has looked at.
        guard let token = try session.generate(1, sampler: &sampler, stop: stopTokens).first else { break }
        tokens.append(token)
        onToken(token)
        if tokens.count < count { try session.read(token, room: count - tokens.count - 1) }
      }
    } catch {
      throw explained(error).in(file: name)
    }
    return tokens
  }

  /// An error of logits that are not numbers, with the place of the damage where it is found; others as they are.
  package func explained(_ error: CheckpointError) -> CheckpointError {
    LogitCheck.explained(error, by: checkpoint)
  }

  /// The tokens that can still follow a prompt.
  ///
  /// - Throws: `mismatch` when the prompt leaves no room in the model's context.
  package func room(after prompt: [Int32]) throws(CheckpointError) -> Int {
    guard prompt.count < model.contextLength else {
      throw CheckpointError(
        .mismatch,
        "the prompt has \(prompt.count) tokens, and the context this model is made for has room for "
          + "\(model.contextLength), the answer included", file: name)
    }
    return model.contextLength - prompt.count
  }
}
