// swift-tools-version: 6.2
import PackageDescription

// A program of its own that uses the library, as an app would: by a path here, by the repository's address elsewhere.
let package = Package(
  name: "QuantizeModel",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "quern", path: "../..")],
  targets: [.executableTarget(name: "QuantizeModel", dependencies: [.product(name: "Quern", package: "quern")])]
)
